"""Who signs a tenant's certificates: its intermediate, made when first needed.

The newest one that is not retired signs.  When the site's root has changed, or its own
certificate would end before what it issues, the root signs it again: the same key
under the same name, so that everything it issued stays good.  A root from before (path
length 0) signs the system's leaves itself, and no intermediate.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from heliostat.cloudstore.contract import PrefixUnchanged
from heliostat.core.errors import PermanentError
from heliostat.identity.authority.certificates import (
    issuer_name,
    key_id,
    make_intermediate,
    pem,
    pointers_to,
)
from heliostat.identity.authority.issuer_keys import Issuer
from heliostat.identity.authority.policy_check import LONGEST_DAYS
from heliostat.identity.authority.records import (
    Intermediate,
    intermediates,
)
from heliostat.identity.authority.refusals import too_old
from heliostat.identity.authority.roots import RELOAD_S, Rooted, Roots, moment
from heliostat.identity.authority.taking_back import all_of, taken_back
from heliostat.identity.decided import Decided, settle
from heliostat.identity.options import SYSTEM_TENANT, IdentityOptions

SUPERSEDED = "superseded"
SITE = "site"
"""The name that roots have where others have their tenant's id."""
_NOTHING: Decided[None] = Decided(None, [], [])
MARGIN = timedelta(days=LONGEST_DAYS + 30)


class Issuers:
    """The intermediates of the tenant in ``options``."""

    def __init__(self, roots: Roots, options: IdentityOptions) -> None:
        self._roots = roots
        self._store = roots.store
        self._options = options
        self._kind = intermediates(options.tenant)
        self._current: Issuer | None = None
        self._read_at = 0.0

    @property
    def is_constrained(self) -> bool:
        """Whether it is believed for names in its domain only."""
        return self._options.tenant != SYSTEM_TENANT

    async def current(self) -> Issuer:
        """Who signs now; raises ``RootTooOld`` where that needs another root first."""
        now_s = self._roots.clock.monotonic_s()
        if self._current is not None and now_s - self._read_at < RELOAD_S:
            return self._current
        self._current = await self._look()
        self._read_at = now_s
        return self._current

    async def known(self) -> Issuer | None:
        """Who signs, if there is one already; makes none."""
        records = [each for each in await self._records() if not each.retired]
        return await self.current() if records else None

    async def find(self, id_: str) -> Issuer | None:
        """One that signs or signed; for what has to be said about its certificates."""
        if self._current is not None and self._current.id == id_:
            return self._current
        stored = await self._kind.get(self._store, id_)
        if stored is not None:
            return await self._issuer(stored.value)
        root = await self._roots.find(id_)
        if root is None or not root.record.signs_leaves or self.is_constrained:
            return None
        return await self._root_itself(root) if root.record.key else None  # destroyed once retired

    async def replace(self, reason: str, *, plan: bool = False) -> Issuer | None:
        """Retire the intermediate; the next one is made when it is needed.

        Unless it is only ``superseded`` the root takes it back, and with it all that it issued.
        Gives the one that was (``None``: there was none).
        """
        records = [each for each in await self._records() if not each.retired]
        if not records:
            return None
        old = await self._issuer(records[-1])

        async def decide() -> Decided[Issuer]:
            stored = await self._kind.get(self._store, old.id)
            if stored is None:
                raise PermanentError("InternalError", "The intermediate is gone.")
            if stored.value.retired:  # somebody else did it meanwhile
                return Decided(old, [self._kind.guard(stored)], [])
            revoked = reason != SUPERSEDED
            retired = msgspec.structs.replace(stored.value, retired=True, revoked=revoked)
            taken = await self._taken_back(stored.value, reason) if revoked else _NOTHING
            return Decided(
                old,
                [self._kind.guard(stored), *taken.guards],
                [*self._kind.put(retired, stored.value), *taken.changes],
            )

        await settle(self._store, decide, plan=plan)
        if not plan:
            self._current = None
            await self._roots.forget()
        return old

    async def _taken_back(self, record: Intermediate, reason: str) -> Decided[None]:
        now_ms = self._roots.clock.now_ms()
        return await taken_back(self._store, record, reason, now_ms)

    async def ids(self) -> list[str]:
        """Of all that signed or sign for this tenant, a root from before among them."""
        roots = [each.record for each in await self._roots.all() if each.record.signs_leaves]
        own = [] if self.is_constrained else [each.id for each in roots]
        return [*(each.id for each in await self._records()), *own]

    async def believed(self) -> list[x509.Certificate]:
        """Those whose certificates still count, the present one among them."""
        await self.current()
        return [
            x509.load_pem_x509_certificate(each.certificate_pem.encode())
            for each in await self._records()
            if not each.revoked
        ]

    def forget(self) -> None:
        """Look again at the next question."""
        self._current = None

    async def _look(self) -> Issuer:
        active = await self._roots.active()
        records = [each for each in await self._records() if not each.retired]
        if not records:
            if active.record.signs_leaves:
                if self.is_constrained:
                    raise too_old()
                return await self._root_itself(active)
            record = await self._new(active)
        else:
            record = records[-1]
        issuer = await self._issuer(record)
        ends_soon = issuer.certificate.not_valid_after_utc - moment(
            self._roots.clock.now_ms()
        ) < min(MARGIN, active.certificate.not_valid_after_utc - moment(self._roots.clock.now_ms()))
        if record.root != active.record.id or ends_soon:
            if active.record.signs_leaves:
                return issuer
            issuer = await self._signed_again(record, active)
        return issuer

    async def _records(self) -> list[Intermediate]:
        found = [each.value for each in await self._kind.all(self._store)]
        return sorted(found, key=lambda each: (each.created_ms, each.id))

    async def _new(self, root: Rooted) -> Intermediate:
        key = await self._roots.custody.new_key()
        id_ = key_id(key.public_key())
        title = f"{self._options.domain} CA"
        record = Intermediate(
            id=id_,
            certificate_pem=await self._sign(
                issuer_name(title, key.public_key()), key.public_key(), root
            ),
            root=root.record.id,
            key=self._roots.custody.keep(key, place(self._options.tenant, id_)),
            created_ms=self._roots.clock.now_ms(),
        )

        async def decide() -> Decided[Intermediate]:
            others = [each for each in await self._records() if not each.retired]
            if others:
                return Decided(others[-1], [], [])
            page = await self._kind.list(self._store)
            guard = PrefixUnchanged(self._kind.prefix, page.revision)
            return Decided(record, [guard], self._kind.put(record))

        return await settle(self._store, decide)

    async def _signed_again(self, record: Intermediate, root: Rooted) -> Issuer:
        key = await self._roots.custody.load(record.key, place(self._options.tenant, record.id))
        old = x509.load_pem_x509_certificate(record.certificate_pem.encode())
        signed = await self._sign(old.subject, key.public_key(), root)

        async def decide() -> Decided[Intermediate]:
            stored = await self._kind.get(self._store, record.id)
            if stored is None or stored.value.certificate_pem != record.certificate_pem:
                return Decided(stored.value if stored else record, [], [])
            now_ms = self._roots.clock.now_ms()
            new = msgspec.structs.replace(
                stored.value,
                certificate_pem=signed,
                root=root.record.id,
                before=all_of(stored.value, now_ms),
            )
            guards = [self._kind.guard(stored)]
            return Decided(new, guards, self._kind.put(new, stored.value))

        return await self._issuer(await settle(self._store, decide))

    async def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, root: Rooted) -> str:
        made = make_intermediate(
            subject,
            key,
            root.certificate,
            await self._roots.key(root.record),
            moment(self._roots.clock.now_ms()),
            domain=self._options.domain if self.is_constrained else "",
            pointers=pointers_to(self._options.published, SITE, root.record.id, ocsp=False),
        )
        return pem(made).decode()

    async def _issuer(self, record: Intermediate) -> Issuer:
        certificate = x509.load_pem_x509_certificate(record.certificate_pem.encode())
        root = await self._roots.find(record.root)
        return Issuer(
            id=record.id,
            tenant=self._options.tenant,
            certificate=certificate,
            key=await self._roots.custody.load(record.key, place(self._options.tenant, record.id)),
            chain=(certificate, *(root.below_anchor if root is not None else ())),
            root=record.root,
        )

    async def _root_itself(self, root: Rooted) -> Issuer:
        return Issuer(
            id=root.record.id,
            tenant=self._options.tenant,
            certificate=root.certificate,
            key=await self._roots.key(root.record),
            chain=(root.certificate,),
            root=root.record.id,
        )


def place(tenant: str, id_: str) -> str:
    """What the key of an intermediate is sealed for."""
    return f"intermediate/{tenant}/{id_}"
