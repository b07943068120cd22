"""Certificates that a tenant's authority issues for its service accounts.

The directory vouches for the name, so no rule has to list it; all else is as the policy's
rules say: kinds of keys, their use as a client's, and how long.  Administrators ask for the first
certificate of an account, the account itself may for those that follow.
"""

from __future__ import annotations

import contextlib

from heliostat.cloudstore.contract import GuardFailed
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.identity.authority.issuing import Certificates, Issued
from heliostat.identity.authority.policy import CLIENT, Asker, Profile, Verdict, refusal
from heliostat.identity.authority.refusals import refused
from heliostat.identity.authority.requests import Requested, read_request
from heliostat.identity.authority.rules import CertificatePolicy
from heliostat.identity.clients.records import Client
from heliostat.identity.decided import TRIES
from heliostat.identity.directory.stored_accounts import StoredAccounts
from heliostat.identity.names import fold, subject_of
from heliostat.identity.service_accounts.names import VIA, account_uri


class AccountCertificates:
    """Issues them, in one tenant."""

    def __init__(self, certificates: Certificates, directory: StoredAccounts) -> None:
        self._certificates = certificates
        self._directory = directory

    async def issue(
        self, account: str, request: str, asker: Asker, *, days: int = 0, plan: bool = False
    ) -> Issued:
        """A certificate for an account as it is now.

        Raises ``ServiceAccountNotFound``, ``InvalidEntity`` (the request),
        ``CertificateRefused``, ``AccessForbidden`` (no administrator asks).
        """
        if not asker.administers:
            raise PermanentError(
                "AccessForbidden",
                "Not allowed: certificates of service accounts are for administrators to give.",
                hint=f"Ask an administrator of {self._directory.domain}.",
            )
        return await self._issue(account, request, days=days, replaces="", plan=plan)

    async def renew(
        self, serial: str, request: str, asker: Asker, *, days: int = 0, plan: bool = False
    ) -> Issued:
        """One more for the account of a certificate that counts.

        Raises ``CertificateNotFound``, and what ``issue`` does; the account itself may ask, as
        often as a computer may: else ``TooManyCertificates``.
        """
        old = (await self._certificates.stored(serial)).value
        self._certificates.check_own(old, asker)
        if not old.is_active(self._directory.clock.now_ms()):
            raise refused("the one to renew no longer counts")
        client, _ = await self._directory.stored_account(old.by)
        if old.created_ms < client.created_ms:
            raise refused(f"the one to renew is of an earlier account {client.name}")
        if not asker.administers:
            most = self._directory.options.authority.machine_certificates_an_hour
            await self._certificates.refuse_often(old.by, most)
        return await self._issue(client.name, request, days=days, replaces=old.id, plan=plan)

    async def _issue(
        self, account: str, request: str, *, days: int, replaces: str, plan: bool
    ) -> Issued:
        requested, domain = read_request(request), self._directory.domain
        for _ in range(TRIES):
            client, unchanged = await self._directory.stored_account(account)
            policy = await self._certificates.policy()
            verdict = decide(policy, domain, requested, client, days=days)
            if verdict.profile is None:
                raise refused(verdict.reason)
            if plan:
                issuer = await self._certificates.issuers.current()
                return Issued(None, issuer.chain_pem, verdict.reason)
            with contextlib.suppress(GuardFailed):  # the account was changed meanwhile, or is gone
                return await self._certificates.vouch(
                    requested.key,
                    verdict.profile,
                    by=subject_of(client.name, domain),
                    via=VIA,
                    replaces=replaces,
                    guards=[unchanged],
                )
        raise TemporaryError("StoreUnavailable", "Others change the account all the time.")


def decide(
    policy: CertificatePolicy,
    domain: str,
    requested: Requested,
    client: Client,
    *,
    days: int = 0,
) -> Verdict:
    """Whether the account gets it.  Pure; the request may say the account's names or none."""
    uri = f"uri:{account_uri(domain, client.name)}"
    if why := _strangeness(requested, client, uri):
        return Verdict(None, why)
    bare = Requested(requested.key, requested.kind, requested.bits, (), (), (CLIENT,))
    refusals = []
    for rule in policy.rules:
        if why := refusal(rule, bare, "", days):
            refusals.append(f"{rule.title}: {why}")
            continue
        granted = days or rule.longest_days
        reason = f"allowed by the rule {rule.title}: {uri.partition(':')[2]} for {granted} days"
        profile = Profile((("CN", client.name),), (uri,), (CLIENT,), granted, reason)
        return Verdict(profile, reason)
    return Verdict(None, "; ".join(refusals[:3]) or f"{domain} has no rule for certificates")


def _strangeness(requested: Requested, client: Client, uri: str) -> str:
    """What is asked for that is not the account's; empty for nothing."""
    if client.disabled:
        return f"{client.name} is disabled"
    for name in requested.names:
        if name != uri:
            return f"{name.partition(':')[2]} is no name of {client.name}"
    if any(part != "CN" for part, _ in requested.subject):
        return "its subject may have a common name and nothing else"
    if fold(requested.common_name) not in ("", client.name):
        return f"{requested.common_name[:80]!a} is no name of {client.name}"
    if any(usage != CLIENT for usage in requested.usages):
        return "it is for signing in as a client and nothing else"
    return ""
