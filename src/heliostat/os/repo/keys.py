"""Which keys' packages a repository takes: ours, and those that its owner names.

Foreign keys lie in ``trusted/`` of the repository, where clients can fetch them too.
"""

from __future__ import annotations

from pathlib import Path

from heliostat.core.files import atomic_write
from heliostat.os.packages.openpgp.certificate import Keyring
from heliostat.os.packages.openpgp.signer import PUBLIC_NAME
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.repository import Repository


def trust_of(repository: Repository, keys_folder: Path) -> Trust:
    """Our public key in ``keys_folder``, if one was made, and the repository's foreign ones."""
    ours = keys_folder / PUBLIC_NAME
    paths = [*([ours] if ours.is_file() else []), *foreign_keys(repository)]
    return Trust(Keyring.read(*paths))


def foreign_keys(repository: Repository) -> list[Path]:
    """The files of the keys that its owner named."""
    folder = repository.layout.trusted
    return sorted(folder.glob("*.asc")) if folder.is_dir() else []


def trust_key(repository: Repository, path: Path) -> list[str]:
    """Trust the keys in a file from now on; returns their ids.  Trusting twice is once."""
    data = path.read_bytes()
    ids = sorted(Keyring.parse(data).keys)
    with repository.claimed():
        atomic_write(repository.layout.trusted / f"{'-'.join(ids)}.asc", data)
    return ids
