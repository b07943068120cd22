"""Whether a source of packages may be believed, looked at before anything of it is chosen.

A repository's index has to be signed by a trusted key, and the metadata that is solved
with has to be what the index names; from there on each package counts by the digest in
that metadata (:mod:`heliostat.os.tree.delivery`).  Packages that lie in a folder without
metadata each have to be signed by a trusted key themselves.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.openpgp.certificate import Keyring
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.repomd import MetadataFile, check_digest, parse_repomd

_SOLVED_WITH = ("primary", "filelists")
_THREADS = 2


def check_repository(folder: Path, keyring: Keyring) -> None:
    """Refuse a repository whose index or metadata isn't what a trusted key signed.

    Raises ``RepositoryUntrusted``, ``RepositoryUnusable`` or ``RepositoryCorrupt``.
    """
    index = _read(folder, "repodata/repomd.xml")
    if not (folder / "repodata" / "repomd.xml.asc").is_file():
        raise _untrusted(folder, "its index is not signed: there is no repodata/repomd.xml.asc")
    signature = _read(folder, "repodata/repomd.xml.asc")
    if fault := Trust(keyring).signature_fault(index, signature, "its index"):
        raise _untrusted(folder, fault)
    for kind, row in parse_repomd(index, f"{folder}/repodata/repomd.xml").items():
        if kind in _SOLVED_WITH:
            _check_metadata(folder, row)


def check_packages(folder: Path, keyring: Keyring) -> None:
    """Refuse a folder with a package that no trusted key signed; raises ``PackageUntrusted``."""
    paths = sorted(folder.rglob("*.rpm"))
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(Trust(keyring).examine, paths))
    faults = [
        f"{path}: {each}" for path, each in zip(paths, found, strict=True) if isinstance(each, str)
    ]
    if faults:
        more = f" ({len(faults) - 1} more in `data.faults`)" if len(faults) > 1 else ""
        raise HeliostatError(
            "PackageUntrusted",
            f"{faults[0]}{more}.",
            hint="Sign it if you made it (`helio os package sign FILE`), or name the file of a key "
            "that you trust with --key.",
            data={"faults": faults},
        )


def _check_metadata(folder: Path, row: MetadataFile) -> None:
    content = _read(folder, row.location)
    try:
        check_digest(content, row.digest, row.location)
    except HeliostatError as error:
        raise _untrusted(folder, error.message.rstrip(".")) from error


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise HeliostatError(
            "RepositoryUnusable",
            f"The packages of {folder.name} can't be read: {folder / name}: {error.strerror}.",
            data={"repository": folder.name},
        ) from error


def _untrusted(folder: Path, why: str) -> HeliostatError:
    return HeliostatError(
        "RepositoryUntrusted", f"{folder} is not trusted: {why}.", data={"repository": folder.name}
    )
