"""``heliostat-repos``: what makes a system a client of our repositories.

The ``.repo`` files are data (``distro/packages/heliostat-repos``).  The key is the
site's own, and so may be the address: both are put in here, when the package is made.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from heliostat.os.packages.openpgp.signer import PUBLIC_NAME, Signer
from heliostat.os.packages.own import own_package_named
from heliostat.os.packages.rpm.file import File, FileFlag
from heliostat.os.packages.rpm.package import Package
from heliostat.os.packages.rpm.reader import read
from heliostat.os.packages.rpm.writer import write

NAME = "heliostat-repos"
KEY_PATH = f"/etc/pki/rpm-gpg/{PUBLIC_NAME}"
ADDRESS_PATH = "/etc/dnf/vars/heliostat_repos"


def client_package(package: Package, signer: Signer, url: str = "") -> Package:
    """The package with the site's key, and its repositories' address if it is known.

    A later key makes a later release, so that clients get it as an update.
    """
    made = signer.key.public.created
    key = File.regular(KEY_PATH, signer.public_text, mtime=package.build_time)
    address = File.regular(
        ADDRESS_PATH,
        f"{url.rstrip('/')}\n".encode(),
        mtime=package.build_time,
        flags=FileFlag.CONFIG | FileFlag.NO_REPLACE,
    )
    ours = [key, address] if url else [key]
    paths = {each.path for each in ours}
    return dataclasses.replace(
        package,
        release=f"{package.release}.{made}",
        files=(*(each for each in package.files if each.path not in paths), *ours),
    )


def completed(path: Path, signer: Signer, url: str, folder: Path) -> Path:
    """The package file at ``path``; if it is this one without a key, the one with the key.

    ``folder`` is where that is written, named by what decides it.
    """
    header = read(path)
    if header.name != NAME or KEY_PATH in header.paths:
        return path
    decided = hashlib.sha256(f"{path.name}\0{signer.fingerprint}\0{url}".encode()).hexdigest()
    target = folder / decided[:32]
    return write(client_package(own_package_named(NAME), signer, url), target).path
