"""Certificates of one tenant: issued by policy, recorded, shown, listed, revoked.

Nothing is issued that is not recorded in the same breath: the certificate is answered
once its document is durable.  A decision is pure (``policy``); with ``plan`` it is only
answered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from heliostat.cloudstore.contract import CloudStore, Guard, GuardFailed
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.identity.authority.certificates import (
    builder,
    key_usage,
    pem,
    pointers_to,
    public_bytes,
    serial_text,
)
from heliostat.identity.authority.issuers import Issuer, Issuers
from heliostat.identity.authority.policy import Asker, Profile, checked_policy, decide
from heliostat.identity.authority.policy import default_policy as policy_of
from heliostat.identity.authority.records import (
    KEPT_MS,
    Certificate,
    CertificatePolicy,
    certificates,
    day_of,
    policies,
    revocation_lists,
)
from heliostat.identity.authority.requests import (
    ATTRIBUTES,
    USAGES,
    Requested,
    key_kind,
    read_request,
)
from heliostat.identity.authority.roots import moment
from heliostat.identity.authority.taken import taken
from heliostat.identity.decided import TRIES, Decided, settle
from heliostat.identity.options import IdentityOptions

REASONS = (
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
)
_BATCH = 25
_ATTRIBUTE_OIDS = {short: oid for oid, short in ATTRIBUTES.items()}
_USAGE_OIDS = {short: oid for oid, short in USAGES.items()}
_LEAF = x509.BasicConstraints(ca=False, path_length=None)
_SIGNS, _SIGNS_AND_ENCIPHERS = key_usage(issues=False), key_usage(issues=False, enciphers=True)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with what to show after it, and why it was issued.

    With ``plan`` there is no certificate; ``reason`` tells what it would be.
    """

    record: Certificate | None
    chain_pem: str
    reason: str

    @property
    def own_pem(self) -> str:
        """The certificate itself; empty for a plan."""
        if self.record is None:
            return ""
        return pem(x509.load_der_x509_certificate(self.record.der)).decode()


@dataclass(frozen=True, slots=True)
class Page:
    """Certificates with the key to go on after each, as of one revision."""

    items: tuple[tuple[str, Certificate], ...]
    after: str | None
    revision: int


class Certificates:
    """The verbs on certificates."""

    def __init__(
        self, store: CloudStore, clock: Clock, options: IdentityOptions, issuers: Issuers
    ) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self.issuers = issuers
        self.kind = certificates(options.tenant)
        self._policies = policies(options.tenant)
        self._lists = revocation_lists(options.tenant)
        self._default = policy_of(options.domain)
        self._reserved = _hosts((options.base_url, *options.other_urls))
        self._forms: tuple[str, _Form] | None = None

    async def policy(self) -> CertificatePolicy:
        """What may be issued."""
        stored = await self._policies.get(self._store, "policy")
        return stored.value if stored is not None else self._default

    async def set_policy(
        self, policy: CertificatePolicy, *, plan: bool = False
    ) -> CertificatePolicy:
        """Replace the policy; raises ``InvalidEntity``."""
        checked = msgspec.structs.replace(checked_policy(policy), id="policy")

        async def change() -> Decided[CertificatePolicy]:
            stored = await self._policies.get(self._store, "policy")
            previous = stored.value if stored is not None else None
            guards = [self._policies.guard(stored)] if stored else [self._policies.absent("policy")]
            return Decided(checked, guards, self._policies.put(checked, previous))

        return await settle(self._store, change, plan=plan)

    async def issue(
        self,
        request: str | bytes,
        asker: Asker,
        *,
        days: int = 0,
        via: str = "request",
        replaces: str = "",
        plan: bool = False,
    ) -> Issued:
        """Raises ``InvalidEntity`` (the request), ``CertificateRefused`` (the policy)."""
        requested = read_request(request)
        for _ in range(TRIES):
            profile, guards = await self._profile(requested, asker, days)
            if plan:
                issuer = await self.issuers.current()
                return Issued(None, issuer.chain_pem, profile.reason)
            with contextlib.suppress(GuardFailed):  # somebody was given one of the names meanwhile
                return await self.vouch(
                    requested.key,
                    profile,
                    by=asker.subject,
                    via=via,
                    replaces=replaces,
                    guards=guards,
                )
        raise TemporaryError("StoreUnavailable", "Others ask for the same names all the time.")

    async def vouch(
        self,
        key: CertificatePublicKeyTypes,
        profile: Profile,
        *,
        by: str,
        via: str,
        replaces: str = "",
        guards: Sequence[Guard] = (),
    ) -> Issued:
        """Certify a key for what a profile says; whoever made that has asked the rules, if any.

        Raises ``GuardFailed``.
        """
        issuer = await self.issuers.current()
        certificate = self._sign(issuer, key, profile)
        record = await self.record(
            issuer,
            certificate,
            names=profile.names,
            usages=profile.usages,
            by=by,
            via=via,
            replaces=replaces,
            guards=guards,
        )
        return Issued(record, issuer.chain_pem, profile.reason)

    async def renew(
        self, serial: str, request: str, asker: Asker, *, days: int = 0, plan: bool = False
    ) -> Issued:
        """A new certificate for a request with the same names as one that counts.

        Raises ``CertificateNotFound``, ``CertificateRefused``, ``InvalidEntity``.
        """
        old = (await self.stored(serial)).value
        self._check_own(old, asker)
        if not old.is_active(self._clock.now_ms()):
            raise refused("the one to renew no longer counts")
        requested = read_request(request)
        if set(requested.names) != set(old.names):
            raise refused(f"it does not ask for exactly the names of {serial}")
        return await self.issue(request, asker, days=days, via=old.via, replaces=old.id, plan=plan)

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
            return await self._ending(limit, after, revision, within_days)
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

    async def _ending(
        self, limit: int, after: str | None, revision: int | None, within_days: int
    ) -> Page:
        """Keys of the index of ends begin with the day, so they are a list by the end."""
        now_ms = self._clock.now_ms()
        prefix = self.kind.entries_prefix("ends")
        last = f"{prefix}{day_of(now_ms + within_days * 86_400_000)}0"  # sorts after that day's
        first = after or f"{prefix}{day_of(now_ms)}"
        page = await self._store.list(prefix, limit=limit, after=first, at_revision=revision)
        items: list[tuple[str, Certificate]] = []
        for entry in page.items:
            if entry.key > last:
                return Page(tuple(items), None, page.revision)
            id_ = entry.key.rpartition("/")[2]
            found = await self.kind.get(self._store, id_, at_revision=page.revision)
            if found is not None and found.value.is_active(now_ms):
                items.append((entry.key, found.value))
        return Page(tuple(items), page.after, page.revision)

    async def revoke(
        self, serial: str, reason: str, asker: Asker, *, plan: bool = False
    ) -> Certificate:
        """Take a certificate back; one that was before stays as it is.

        Raises ``CertificateNotFound``, ``InvalidEntity`` (no such reason), ``AccessForbidden``.
        """
        if reason not in REASONS:
            raise PermanentError(
                "InvalidEntity", f"{reason[:40]!r} is none of {', '.join(REASONS)}."
            )

        async def change() -> Decided[Certificate]:
            stored = await self.stored(serial)
            old = stored.value
            self._check_own(old, asker)
            if old.revoked_ms:
                return Decided(old, [], [])
            now_ms = self._clock.now_ms()
            new = msgspec.structs.replace(old, revoked_ms=now_ms, reason=reason)
            guards, changes = [self.kind.guard(stored)], self.kind.put(new, old)
            listed = await self._lists.get(self._store, old.issuer)
            if listed is not None and not listed.value.stale:
                guards.append(self._lists.guard(listed))
                changes += self._lists.put(msgspec.structs.replace(listed.value, stale=True))
            return Decided(new, guards, changes)

        return await settle(self._store, change, plan=plan)

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

    def _check_own(self, record: Certificate, asker: Asker) -> None:
        if not asker.administers and record.by != asker.subject:
            raise PermanentError(
                "AccessForbidden",
                "Not allowed: it was issued to somebody else.",
                hint=f"Ask an administrator of {self._options.domain}.",
            )

    async def _profile(
        self, requested: Requested, asker: Asker, days: int
    ) -> tuple[Profile, Sequence[Guard]]:
        """What may be issued, while the guards hold."""
        verdict = decide(
            await self.policy(),
            self._options.domain,
            requested,
            asker,
            days=days,
            reserved=self._reserved,
            constrained=self.issuers.is_constrained,
        )
        if verdict.profile is None:
            raise refused(verdict.reason)
        if asker.administers or asker.controls is not None:
            return verdict.profile, ()
        names = verdict.profile.names
        name, guards = await taken(
            self._store, self.kind, names, asker.subject, self._clock.now_ms()
        )
        if name:
            raise refused(f"{name.partition(':')[2]} is somebody else's")
        return verdict.profile, guards

    def _sign(
        self, issuer: Issuer, key: CertificatePublicKeyTypes, profile: Profile
    ) -> x509.Certificate:
        now = moment(self._clock.now_ms())
        end = min(now + timedelta(days=profile.days), issuer.certificate.not_valid_after_utc)
        subject = _subject(profile.subject)
        kind, _ = key_kind(key)
        usage = _SIGNS_AND_ENCIPHERS if kind == "RSA" else _SIGNS
        unsigned = (
            builder(subject, issuer.certificate.subject, key, now, end)
            .add_extension(_LEAF, critical=True)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.SubjectAlternativeName([general_name(each) for each in profile.names]),
                critical=not profile.subject,  # RFC 5280, 4.2.1.6
            )
        )
        if profile.usages:
            unsigned = unsigned.add_extension(
                x509.ExtendedKeyUsage([_usage(each) for each in profile.usages]), critical=False
            )
        for extension in self._form(issuer).extensions:
            unsigned = unsigned.add_extension(extension, critical=False)
        return unsigned.sign(issuer.key, hashes.SHA256())

    def _form(self, issuer: Issuer) -> _Form:
        """What all certificates of an issuer have; made once."""
        if self._forms is None or self._forms[0] != issuer.id:
            self._forms = (issuer.id, _Form.of(issuer, self._options.published))
        return self._forms[1]

    def extensions(self, issuer: Issuer) -> Sequence[x509.ExtensionType]:
        """Who signed it, and where to ask about it."""
        return self._form(issuer).extensions


@dataclass(frozen=True, slots=True)
class _Form:
    extensions: tuple[x509.ExtensionType, ...]

    @classmethod
    def of(cls, issuer: Issuer, base_url: str) -> _Form:
        own = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        who = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)
        return cls((who, *pointers_to(base_url, issuer.tenant, issuer.id, ocsp=True)))


def general_name(text: str) -> x509.GeneralName:
    """A name of a document as certificates have it."""
    kind, _, value = text.partition(":")
    if kind == "ip":
        return x509.IPAddress(ip_address(value))
    if kind == "email":
        return x509.RFC822Name(value)
    if kind == "uri":
        return x509.UniformResourceIdentifier(value)
    return x509.DNSName(value)


def same_key(one: x509.Certificate, other: x509.Certificate) -> bool:
    """Whether two certificates are for the same key."""
    return public_bytes(one.public_key()) == public_bytes(other.public_key())


def refused(why: str) -> PermanentError:
    return PermanentError("CertificateRefused", f"The certificate is refused: {why}.")


def _subject(parts: Sequence[tuple[str, str]]) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(_ATTRIBUTE_OIDS.get(short) or x509.ObjectIdentifier(short), value)
            for short, value in parts
        ]
    )


def _usage(short: str) -> x509.ObjectIdentifier:
    return _USAGE_OIDS.get(short) or x509.ObjectIdentifier(short)


def _hosts(urls: Sequence[str]) -> frozenset[str]:
    return frozenset(host for host in (urlsplit(url).hostname for url in urls) if host)
