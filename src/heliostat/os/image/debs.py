"""Debian packages of the build host's own archive, fetched and unpacked, not installed.

apt verifies them against the host's keyring; nothing here needs root.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, Output, run
from heliostat.os.image.programs import resolve

_KERNEL = re.compile(r"^Depends:.*?\b(linux-image-[0-9][^\s,|(]*)", re.MULTILINE)


def kernel_package(name: str) -> str:
    """The versioned package that the kernel meta package ``name`` stands for."""
    shown = _apt(["apt-cache", "show", "--no-all-versions", name]).stdout
    found = _KERNEL.search(shown)
    return found.group(1) if found else name


def fetch(name: str, cache: Path) -> Path:
    """The newest .deb of ``name``, downloaded into ``cache``."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as folder:
        # apt's sandbox user can't write to folders of ours, and would only warn about it
        argv = ["apt-get", "-q", "-o", "APT::Sandbox::User=", "download", name]
        _apt(argv, cwd=folder)
        downloaded = next(Path(folder).glob("*.deb"))
        return downloaded.rename(cache / downloaded.name)


def unpack(deb: Path, into: Path) -> None:
    """The files of ``deb``; its scripts are not run."""
    into.mkdir(parents=True, exist_ok=True)
    run([resolve("dpkg-deb"), "-x", str(deb), str(into)], timeout_s=300)


def _apt(argv: list[str], *, cwd: str | None = None) -> Output:
    try:
        return run(argv, timeout_s=600, cwd=cwd)
    except CommandFailed as error:
        raise HeliostatError(
            "BuildFailed",
            f"apt could not get {argv[-1]}: {error.message}",
            hint="Run `apt-get update`, and see that the mirror can be reached.",
            data=error.data,
        ) from error
