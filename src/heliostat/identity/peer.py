"""Who is at the other end of a Unix socket.

The kernel says it (``SO_PEERCRED``): the owner of the server process and root
administer the platform without a password; anyone else is nobody here and
needs a token.  Reading that socket's peer proves the user on this machine only.
"""

from __future__ import annotations

import os
import pwd
import socket
import struct
from typing import Protocol

from heliostat.identity.principal import Principal

_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred of <sys/socket.h>


class Connection(Protocol):
    """A socket, or what asyncio shows of one."""

    @property
    def family(self) -> int: ...
    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...


def peer_principal(connection: Connection, tenant: str) -> Principal | None:
    """The administrator ``local:<user>`` behind ``connection``, or ``None``."""
    if connection.family != socket.AF_UNIX:
        return None
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    return principal_of_uid(uid, os.geteuid(), tenant)


def principal_of_uid(uid: int, own_uid: int, tenant: str) -> Principal | None:
    """The principal that user ``uid`` is for a server running as ``own_uid``."""
    if uid not in (0, own_uid):
        return None
    return Principal(
        subject=f"local:{_user_name(uid)}",
        groups=frozenset(),
        client="local",
        is_system_admin=True,
        tenant=tenant,
    )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
