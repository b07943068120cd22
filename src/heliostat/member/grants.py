"""Who else may use a store: read and write grants of local users.

They are POSIX access lists on the store's folder and all in it, so the kernel keeps
them: a program reads its key as a plain file, and nobody has to be asked.  What is put
in later inherits them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from heliostat.core.errors import PermanentError
from heliostat.core.process import CommandFailed, run

TIMEOUT_S = 20.0
_ROW = re.compile(r"user:(?P<user>[^:]+):(?P<bits>[r-][w-][x-])")


class Right(StrEnum):
    """What a user may do with a store."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Grant:
    """One user's right; writing includes reading."""

    user: str
    right: Right


def keep_private(folder: Path) -> None:
    """From now on nobody but its owner and those with a grant sees what is put into it."""
    _setfacl(["-m", "d:u::rwX,d:g::---,d:o::---"], folder)


def grant(folder: Path, user: str, right: Right) -> None:
    """Give ``user`` a right on the store in ``folder``; raises ``UserNotFound``."""
    bits = "rwX" if right is Right.WRITE else "rX"
    name, _ = _known(user)
    _setfacl(["-R", "-P", "-m", f"u:{name}:{bits},d:u:{name}:{bits}"], folder)


def revoke(folder: Path, user: str) -> None:
    """Take ``user``'s rights away; files that the user put in stay, and become the owner's."""
    name, number = _known(user)
    _setfacl(["-R", "-P", "-x", f"u:{name},d:u:{name}"], folder)
    owner = folder.stat()
    for path in (folder, *folder.rglob("*")):
        if path.lstat().st_uid == number != owner.st_uid:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def grants_of(folder: Path) -> list[Grant]:
    """Whom the store's folder lets in besides its owner, by name."""
    said = run(["getfacl", "-c", "-p", "-E", str(folder)], timeout_s=TIMEOUT_S).stdout
    return sorted(
        (
            Grant(row["user"], Right.WRITE if "w" in row["bits"] else Right.READ)
            for row in map(_ROW.fullmatch, said.splitlines())
            if row is not None and row["bits"] != "---"
        ),
        key=lambda each: each.user,
    )


def _known(user: str) -> tuple[str, int]:
    """Name and number of a local user; raises ``UserNotFound``."""
    import pwd  # POSIX only; the client, which has these commands, is not

    try:
        found = pwd.getpwnam(user)
    except (KeyError, ValueError) as error:
        raise PermanentError(
            "UserNotFound",
            f"This machine knows no user {user[:80]!r}.",
            hint="`getent passwd` lists them.",
        ) from error
    return found.pw_name, found.pw_uid


def _setfacl(arguments: list[str], folder: Path) -> None:
    try:
        run(["setfacl", *arguments, "--", str(folder)], timeout_s=TIMEOUT_S)
    except CommandFailed as error:
        if error.exit_code is None:
            raise PermanentError(
                "NotConfigured",
                "Grants on certificate stores need setfacl, which is not installed.",
                hint="Install the package acl.",
            ) from error
        raise
