"""Installed packages whose files on disk are no longer theirs."""

from __future__ import annotations

import os
import stat

import rpm

from heliostat.os.tdnf.packages.database import DatabaseOf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# a file that is changed on purpose, or made by something else, says nothing
_OWN_WAYS = rpm.RPMFILE_CONFIG | rpm.RPMFILE_GHOST
_PIECE = 1 << 20


def overwritten(root: str, nevras: Iterable[str]) -> list[str]:
    """Those of ``nevras`` (installed packages) with a file of other content, or without one."""
    wanted = set(nevras)
    if not wanted:
        return []
    with DatabaseOf(root):
        headers = rpm.TransactionSet(root).dbMatch()
        return [
            header[rpm.RPMTAG_NEVRA]
            for header in headers
            if header[rpm.RPMTAG_NEVRA] in wanted and _differs(root, header)
        ]


def _differs(root: str, header: rpm.hdr) -> bool:
    return any(
        _digest(os.path.join(root, each.name.lstrip("/"))) != each.digest
        for each in rpm.files(header)
        if stat.S_ISREG(each.mode) and not each.fflags & _OWN_WAYS and len(each.digest) == 64
    )


def _digest(path: str) -> str:
    """SHA-256 in hexadecimal; empty if there is no such file."""
    import hashlib

    found = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                found.update(piece)
    except OSError:
        return ""
    return found.hexdigest()
