"""The register of a tenant: what was issued, by whom, and what was taken back.

A certificate is in it before anybody has it, and stays for a while after its end.  It lies in the
order of issue, because serial numbers begin with the time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from urllib.parse import unquote

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from heliostat.cloudstore.contract import CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.identity.authority.issuer_keys import Issuer
from heliostat.identity.authority.pages import Page, ending
from heliostat.identity.authority.policy import Asker
from heliostat.identity.authority.public_keys import key_kind
from heliostat.identity.authority.records import (
    KEPT_MS,
    Certificate,
    certificates,
    day_of,
    revocation_lists,
)
from heliostat.identity.authority.serial_numbers import serial_text, start_of_numbers
from heliostat.identity.authority.standing import Holder, Standing, standing
from heliostat.identity.decided import Decided, settle
from heliostat.identity.names import fold
from heliostat.identity.options import IdentityOptions

REASONS = (
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
)
HOUR_MS = 3_600_000
_BATCH = 25


class Register:
    """The certificates of the tenant in ``options``, as documents."""

    def __init__(self, store: CloudStore, clock: Clock, options: IdentityOptions) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self.kind = certificates(options.tenant)
        self._lists = revocation_lists(options.tenant)

    async def record(
        self,
        issuer: Issuer,
        certificate: x509.Certificate,
        *,
        names: Sequence[str],
        usages: Sequence[str],
        by: str,
        via: str,
        replaces: str = "",
        guards: Sequence[Guard] = (),
    ) -> Certificate:
        """Remember what was signed; returns once that is durable.  Raises ``GuardFailed``."""
        record = Certificate(
            id=serial_text(certificate.serial_number),
            issuer=issuer.id,
            subject=certificate.subject.rfc4514_string(),
            names=tuple(names),
            key=key_kind(certificate.public_key())[0],
            der=certificate.public_bytes(Encoding.DER),
            not_before_ms=int(certificate.not_valid_before_utc.timestamp() * 1000),
            not_after_ms=int(certificate.not_valid_after_utc.timestamp() * 1000),
            by=by,
            via=via,
            usages=tuple(usages),
            created_ms=self._clock.now_ms(),
            replaces=replaces,
        )
        await self._store.commit([self.kind.absent(record.id), *guards], self.kind.put(record))
        return record

    async def refuse_often(self, by: str, most: int) -> None:
        """Raises ``TooManyCertificates`` for who was issued ``most`` within an hour.

        Numbers begin with the time, so these are the last of whoever it is.
        """
        now_ms = self._clock.now_ms()
        prefix = self.kind.index_prefix("by", fold(by)[:253])
        since = f"{prefix}{start_of_numbers(now_ms - HOUR_MS)}"
        page = await self._store.list(prefix, limit=most, after=since)
        if len(page.items) < most:
            return
        first = await self.kind.get(self._store, page.items[0].key.removeprefix(prefix))
        begun_ms = first.value.created_ms if first is not None else now_ms
        raise TemporaryError(
            "TooManyCertificates",
            f"{by} was issued {most} certificates within an hour.",
            retry_after_s=max(1.0, (begun_ms + HOUR_MS - now_ms) / 1000),
        )

    async def stored(self, serial: str) -> Stored[Certificate]:
        """Raises ``CertificateNotFound``."""
        id_ = serial.replace(":", "").lower().zfill(32)
        found = await self.kind.get(self._store, id_) if id_.isalnum() and id_.isascii() else None
        if found is None:
            raise PermanentError(
                "CertificateNotFound", f"There is no certificate with the number {serial[:80]}."
            )
        return found

    async def is_revoked(self, certificate: x509.Certificate) -> bool:
        """Whether it is one of ours that was taken back."""
        found = await self.kind.get(self._store, serial_text(certificate.serial_number))
        if found is None or not found.value.revoked_ms:
            return False
        return found.value.der == certificate.public_bytes(Encoding.DER)

    async def page(
        self,
        *,
        limit: int,
        after: str | None,
        revision: int | None,
        name: str = "",
        within_days: int = 0,
    ) -> Page:
        """A page in order of issue; of one name; or, by day, of what ends in some days."""
        if within_days:
            now_ms = self._clock.now_ms()
            return await ending(self._store, self.kind, now_ms, within_days, limit, after, revision)
        if name:
            value = (name if ":" in name else f"dns:{name.lower()}")[:253]
            prefix = self.kind.index_prefix("name", value)
            found = await self.kind.list_by_index(
                self._store, "name", value, limit=limit, after=after, at_revision=revision
            )
            named = [(prefix + each.value.id, each.value) for each in found.items]
            return Page(tuple(named), found.after, found.revision)
        found = await self.kind.list(self._store, limit=limit, after=after, at_revision=revision)
        items = [(each.key, each.value) for each in found.items]
        return Page(tuple(items), found.after, found.revision)

    async def revoke(
        self, serial: str, reason: str, asker: Asker, *, plan: bool = False
    ) -> Certificate:
        """Take a certificate back for good; one that was before stays as it is.

        Raises ``CertificateNotFound``, ``InvalidEntity`` (no such reason), ``AccessForbidden``.
        """
        if reason not in REASONS:
            raise PermanentError(
                "InvalidEntity", f"{reason[:40]!r} is none of {', '.join(REASONS)}."
            )

        async def change() -> Decided[Certificate]:
            stored = await self.stored(serial)
            self.check_own(stored.value, asker)
            if stored.value.is_over:
                return Decided(stored.value, [], [])
            return await self._marked(stored, reason)

        return await settle(self._store, change, plan=plan)

    async def follow(self, serial: str, holder: Holder) -> Standing | None:
        """Have a certificate stand as ``holder`` does; ``None``: it does already."""

        async def change() -> Decided[Standing | None]:
            stored = await self.stored(serial)
            old, now_ms = stored.value, self._clock.now_ms()
            wanted = standing(old, holder, now_ms)
            if wanted.reason == (old.reason if old.revoked_ms else ""):
                return Decided(None, [], [])
            marked = await self._marked(stored, wanted.reason)
            return Decided(wanted, marked.guards, marked.changes)

        return await settle(self._store, change)

    async def _marked(self, stored: Stored[Certificate], reason: str) -> Decided[Certificate]:
        """Revoked for ``reason`` (empty: no more), and its issuer's list to be signed again."""
        old, revoked_ms = stored.value, self._clock.now_ms() if reason else 0
        new = msgspec.structs.replace(old, revoked_ms=revoked_ms, reason=reason)
        guards: list[Guard] = [self.kind.guard(stored)]
        changes = self.kind.put(new, old)
        listed = await self._lists.get(self._store, old.issuer)
        if listed is not None and not listed.value.stale:
            guards.append(self._lists.guard(listed))
            changes += self._lists.put(msgspec.structs.replace(listed.value, stale=True))
        return Decided(new, guards, changes)

    async def holders(self) -> AsyncIterator[str]:
        """Whoever has certificates that may have to be taken back, each once, folded."""
        prefix, after = self.kind.entries_prefix("by"), None
        while (page := await self._store.list(prefix, limit=1, after=after)).items:
            value = page.items[0].key.removeprefix(prefix).partition("/")[0]
            yield unquote(value)
            after = f"{prefix}{value}0"  # sorts after all of this one's

    async def maintain(self) -> int:
        """Forget what has ended long ago; gives how many."""
        last = day_of(self._clock.now_ms() - KEPT_MS - 86_400_000)
        count = 0
        prefix = self.kind.entries_prefix("ends")
        while True:
            page = await self._store.list(prefix, limit=_BATCH)
            days = [each.key.removeprefix(prefix).partition("/") for each in page.items]
            gone = [id_ for day, _, id_ in days if day <= last]
            for id_ in gone:
                found = await self.kind.get(self._store, id_)
                if found is not None:
                    changes = self.kind.delete(found.value)
                    await self._store.commit([self.kind.guard(found)], changes)
            count += len(gone)
            if len(gone) < _BATCH:
                return count

    def check_own(self, record: Certificate, asker: Asker) -> None:
        """Raises ``AccessForbidden`` for what was issued to somebody else."""
        if not asker.administers and record.by != asker.subject:
            raise PermanentError(
                "AccessForbidden",
                "Not allowed: it was issued to somebody else.",
                hint=f"Ask an administrator of {self._options.domain}.",
            )
