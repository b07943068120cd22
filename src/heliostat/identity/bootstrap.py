"""What a tenant begins with: an administrator, the group that administers, built-in clients.

Everything is one commit, so a tenant either has an administrator whose password
was shown, or none yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.cloudstore.contract import Change, CloudStore, Guard, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.clients.named import built_in_clients
from heliostat.identity.directory.contract.directory import FIRST_NUMBER
from heliostat.identity.directory.numbers import ONLY
from heliostat.identity.directory.records import DirectoryKinds, Group, Numbers, User
from heliostat.identity.directory.users import BUILT_IN_USER
from heliostat.identity.names import ADMINISTRATORS, fold
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.hashing import Hashing

PASSWORD_BYTES = 18


@dataclass(frozen=True, slots=True)
class FirstContent:
    """A commit, and the administrator's password, which is nowhere kept."""

    guards: tuple[Guard, ...] = ()
    changes: tuple[Change, ...] = ()
    password: str = ""


async def bootstrap(
    store: CloudStore, clock: Clock, ids: Ids, options: IdentityOptions, hashing: Hashing
) -> str | None:
    """Fill the tenant of ``options``; the password at the first start, else ``None``.

    Whoever calls must show it.
    """
    if await DirectoryKinds.of(options.tenant).groups.get(store, fold(ADMINISTRATORS)) is not None:
        return None
    content = await first_content(options, clock, ids, hashing)
    try:
        await store.commit(content.guards, content.changes)
    except GuardFailed:
        return None  # another controller started at the same moment and shows its password
    return content.password


async def first_content(
    options: IdentityOptions, clock: Clock, ids: Ids, hashing: Hashing
) -> FirstContent:
    """What the tenant of ``options`` begins with; raises ``TooManyRequests`` (hashing)."""
    kinds, now_ms = DirectoryKinds.of(options.tenant), clock.now_ms()
    password = typeable(ids.secret(PASSWORD_BYTES))
    user = User(
        name=BUILT_IN_USER,
        stamp=ids.new_id(),
        password_hash=await hashing.hash(password),
        created_ms=now_ms,
        number=FIRST_NUMBER,
    )
    group = Group(
        name=ADMINISTRATORS,
        description=f"Administers {options.domain}.",
        members=(f"user:{BUILT_IN_USER}",),
        built_in=True,
        created_ms=now_ms,
        number=FIRST_NUMBER + 1,
    )
    guards: list[Guard] = [kinds.groups.absent(fold(ADMINISTRATORS))]
    guards.append(kinds.users.absent(BUILT_IN_USER))
    guards.append(kinds.numbers.absent(ONLY))
    changes: list[Change] = [*kinds.users.put(user), *kinds.groups.put(group)]
    changes += kinds.numbers.put(Numbers(id=ONLY, next=FIRST_NUMBER + 2))
    for client in built_in_clients(now_ms):
        guards.append(kinds.clients.absent(fold(client.name)))
        changes += kinds.clients.put(client)
    return FirstContent(tuple(guards), tuple(changes), password)


def typeable(secret: str) -> str:
    """``secret`` in letters and digits only: programs read a leading hyphen as an option."""
    return secret.replace("-", "h").replace("_", "u")
