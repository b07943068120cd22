"""The first start: the administrator, the group that administers, the built-in clients.

Everything is one commit, so a site either has an administrator whose password
was shown, or none yet.
"""

from __future__ import annotations

from heliostat.cloudstore.contract import Change, Guard, GuardFailed
from heliostat.identity.clients import built_in_clients
from heliostat.identity.directory import Directory
from heliostat.identity.names import ADMINISTRATORS, fold
from heliostat.identity.records import CLIENTS, GROUPS, USERS, Group, User
from heliostat.identity.users import BUILT_IN_USER

PASSWORD_BYTES = 18


async def bootstrap(directory: Directory) -> str | None:
    """Make what every site has; the administrator's password at the first start, else ``None``.

    The password is nowhere kept: whoever calls must show it.
    """
    if await GROUPS.get(directory.store, fold(ADMINISTRATORS)) is not None:
        return None
    password = typeable(directory.ids.secret(PASSWORD_BYTES))
    now_ms = directory.clock.now_ms()
    user = User(
        name=BUILT_IN_USER,
        stamp=directory.ids.new_id(),
        password_hash=await directory.hashing.hash(password),
        created_ms=now_ms,
    )
    group = Group(
        name=ADMINISTRATORS,
        description="Administers the whole site.",
        members=(f"user:{BUILT_IN_USER}",),
        built_in=True,
        created_ms=now_ms,
    )
    guards: list[Guard] = [GROUPS.absent(fold(ADMINISTRATORS)), USERS.absent(BUILT_IN_USER)]
    changes: list[Change] = [*USERS.put(user), *GROUPS.put(group)]
    for client in built_in_clients(now_ms):
        guards.append(CLIENTS.absent(fold(client.name)))
        changes += CLIENTS.put(client)
    try:
        await directory.store.commit(guards, changes)
    except GuardFailed:
        return None  # another controller started at the same moment and shows its password
    return password


def typeable(secret: str) -> str:
    """``secret`` in letters and digits only: programs read a leading hyphen as an option."""
    return secret.replace("-", "h").replace("_", "u")
