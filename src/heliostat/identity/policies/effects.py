"""What a change of a policy would do, in sentences: each setting, and whom it meets how soon."""

from __future__ import annotations

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.counting import counted
from heliostat.core.settings import documented
from heliostat.identity.directory.records import DirectoryKinds
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.age import is_expired
from heliostat.identity.policies.sections import SECTIONS, value_at


async def effects(
    store: CloudStore, clock: Clock, before: IdentityOptions, after: IdentityOptions
) -> list[str]:
    """One sentence a changed setting, one a section, and how many people must act."""
    told = []
    for section, counts_for in SECTIONS.items():
        changed = [
            f"{path}: {value_at(before, path)} -> {value_at(after, path)}"
            for field, _ in documented(type(getattr(after, section)))
            if value_at(before, path := f"{section}.{field.name}") != value_at(after, path)
        ]
        if changed:
            told += [*changed, f"{section} counts for {counts_for}"]
    if before.passwords.maximum_age_days != after.passwords.maximum_age_days:
        told.append(await _expiring(store, clock, after))
    return told


async def _expiring(store: CloudStore, clock: Clock, after: IdentityOptions) -> str:
    people = expired = 0
    async for stored in DirectoryKinds.of(after.tenant).users.each(store):
        people += 1
        expired += is_expired(stored.value, clock.now_ms(), after.passwords)
    return f"{expired} of {counted(people, 'user')} must change the password at the next sign-in"
