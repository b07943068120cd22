"""A company's directory, written straight into a store: 10,000 people in 1,000 groups.

Made by the verbs it would take as long as 10,000 password hashes; here all people have one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from heliostat.cloudstore.contract import Change, CloudStore, Put
from heliostat.core.clock import SystemClock
from heliostat.core.ids import SystemIds
from heliostat.identity.directory.contract.directory import FIRST_NUMBER
from heliostat.identity.directory.numbers import ONLY
from heliostat.identity.directory.records import Group, Numbers, User
from heliostat.identity.kinds import kinds_of
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.passwords.options import HashCost

USERS = 10_000
GROUPS = 1_000
IN_A_GROUP = 50
PASSWORD = "one phrase for everybody here"
KINDS = kinds_of(SYSTEM_TENANT)
_AT_ONCE = 90


def name_of(number: int) -> str:
    return f"person{number:05}"


async def fill(store: CloudStore, users: int = USERS) -> None:
    """Everybody, into a store that has just had its first start or none yet."""
    ids = SystemIds()
    hashing = Hashing(ids, HashCost())
    kept = await hashing.hash(PASSWORD)
    hashing.close()
    now_ms = SystemClock().now_ms()
    changes = _changes(users, kept, now_ms)
    while batch := list(islice(changes, _AT_ONCE)):
        await store.commit([], batch)
    numbers = Numbers(id=ONLY, next=FIRST_NUMBER + 2 + users + GROUPS)
    await store.commit([], KINDS.directory.numbers.put(numbers))


def _changes(users: int, password_hash: str, now_ms: int) -> Iterator[Change]:
    for number in range(users):
        name = name_of(number)
        user = User(
            name=name,
            stamp=f"{number:032x}",
            password_hash=password_hash,
            created_ms=now_ms,
            given_name=f"Given{number % 500}",
            family_name=f"Family{number}",
            email=f"{name}@acme.example",
            number=FIRST_NUMBER + 2 + number,
        )
        yield from _puts(KINDS.directory.users.put(user))
    for number in range(GROUPS if users >= IN_A_GROUP else 1):
        of = range(number * 7, number * 7 + IN_A_GROUP)
        group = Group(
            name=f"group{number:04}",
            members=tuple(sorted(f"user:{name_of(each % users)}" for each in of)),
            created_ms=now_ms,
            number=FIRST_NUMBER + 2 + users + number,
        )
        yield from _puts(KINDS.directory.groups.put(group))


def _puts(changes: list[Change]) -> Iterator[Change]:
    return (change for change in changes if isinstance(change, Put))
