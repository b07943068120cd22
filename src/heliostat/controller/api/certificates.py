"""Certificates of a domain.

Issuing and renewing are open to everybody who is signed in: the domain's policy decides,
and says why not.  A certificate, which is made to be shown, is shown to whoever knows its
number; taken back by administrators of the domain and by whom it was issued to.
"""

from __future__ import annotations

from heliostat.controller.api.access import groups_of, may
from heliostat.controller.api.authority_port import CertificateRecord, CertificatesPort
from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import Batch, paginate
from heliostat.controller.api.directories import place_of
from heliostat.controller.api.handler import Applies, Handler, Reads
from heliostat.core.errors import PermanentError
from heliostat.wire import certificates as wire
from heliostat.wire.access import Access
from heliostat.wire.directory_tenants import DIRECTORY, TENANT

KIND = "certificate"
STATES = ("active", "expired", "revoked")
MOST_DAYS = 4000


def show_certificate(call: Call, found: CertificateRecord) -> wire.Certificate:
    """A certificate; its serial number is its id."""
    return wire.Certificate(
        id=found.serial,
        kind=KIND,
        serial=found.serial,
        subject=found.subject,
        names=list(found.names),
        key=found.key,
        usages=list(found.usages),
        state=found.state,
        issuer=found.issuer,
        by=found.by,
        via=found.via,
        not_before_time=found.not_before_ms,
        not_after_time=found.not_after_ms,
        self_link=f"{place_of(call)}/certificates/{found.serial}",
        certificate=found.certificate_pem,
        revoked_time=found.revoked_ms,
        reason=found.reason,
        chain=found.chain_pem,
        why=found.why,
    )


async def _issue(call: Call, plan: bool) -> wire.Certificate:
    body: wire.CertificateIssue = call.body
    made = await _port(call).issue(
        call.params[TENANT],
        body.csr,
        subject=call.caller.subject,
        groups=frozenset(call.caller.groups),
        administers=await _administers(call),
        days=_days(body.days),
        account=body.account,
        plan=plan,
    )
    return show_certificate(call, made)


async def _renew(call: Call, plan: bool) -> wire.Certificate:
    body: wire.CertificateRequest = call.body
    made = await _port(call).renew(
        call.params[TENANT],
        call.id,
        body.csr,
        subject=call.caller.subject,
        groups=frozenset(call.caller.groups),
        administers=await _administers(call),
        days=_days(body.days),
        plan=plan,
    )
    return show_certificate(call, made)


async def _show(call: Call) -> wire.Certificate:
    return show_certificate(call, await _port(call).get_certificate(call.params[TENANT], call.id))


async def _revoke(call: Call, plan: bool) -> wire.Certificate:
    body: wire.CertificateRevocation = call.body
    revoked = await _port(call).revoke(
        call.params[TENANT],
        call.id,
        body.reason,
        subject=call.caller.subject,
        administers=await _administers(call),
        plan=plan,
    )
    return show_certificate(call, revoked)


async def _list(call: Call) -> wire.CertificateList:
    state = call.query.get("state", "")
    if state and state not in STATES:
        raise PermanentError("InvalidEntity", f"{state[:40]!r} is none of {', '.join(STATES)}.")
    days = call.query.get("expiringWithinDays", 0)
    if not 0 <= days <= MOST_DAYS:
        raise PermanentError("InvalidEntity", f"expiringWithinDays lies between 0 and {MOST_DAYS}.")

    async def read(limit: int, after: str | None, revision: int | None) -> Batch[CertificateRecord]:
        page = await _port(call).list_certificates(
            call.params[TENANT],
            limit=limit,
            after=after,
            revision=revision,
            state=state,
            name=call.query.get("name", ""),
            within_days=days,
        )
        return Batch(list(page.items), page.after, page.revision)

    found = await paginate(call, read)
    return wire.CertificateList(
        items=[show_certificate(call, each) for each in found.items],
        next_page_link=found.link,
        previous_page_link=found.previous,
    )


def _port(call: Call) -> CertificatesPort:
    return call.services.directories.certificates


async def _administers(call: Call) -> bool:
    owner = await groups_of(call.services, DIRECTORY, call.params[TENANT])
    return may(call.services, Access.TENANT_ADMIN, call.principal, owner)


def _days(days: int) -> int:
    if days < 0:
        raise PermanentError("InvalidEntity", "A certificate lives at least a day.")
    return days


def _told(made: wire.Certificate) -> list[str]:
    return [made.why] if made.why else []


HANDLERS: dict[str, Handler] = {
    "issueCertificate": Applies(_issue, KIND, told=_told),
    "listCertificates": Reads(_list),
    "getCertificate": Reads(_show),
    "renewCertificate": Applies(_renew, KIND, told=_told),
    "revokeCertificate": Applies(_revoke, KIND, again=_show),
}
