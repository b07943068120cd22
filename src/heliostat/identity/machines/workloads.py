"""Identities of programs and containers on member machines, as SPIFFE has them.

A machine vouches for what runs on it: each name gets a token (a JWT-SVID, ten minutes, for
the audience that was asked for) and a certificate (an X.509-SVID, a day).  Both carry the
machine, and where the platform runs it, project and VM, in a place that the machine does
not choose.  Formats: SPIFFE-ID, X509-SVID and JWT-SVID, version 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.authority.issuing import Certificates
from heliostat.identity.authority.policy import CLIENT, SERVER, Profile
from heliostat.identity.authority.requests import read_request
from heliostat.identity.directory.views import ComputerView
from heliostat.identity.machines.proof import MachineProofs
from heliostat.identity.names import computer_subject
from heliostat.identity.options import IdentityOptions
from heliostat.identity.tokens.claims import new_jti, sign
from heliostat.identity.tokens.keys import SigningKeys
from heliostat.identity.tokens.records import Algorithm

TOKEN_S = 600
CERTIFICATE_DAYS = 1
VIA = "workload"
TOKEN_CLASS = "workload"  # noqa: S105 - the class of a token; no door of the platform takes it
MOST_AUDIENCES = 8
LONGEST_AUDIENCE = 255
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Workload:
    """A program's identity; ``token`` and ``chain`` (PEM) are empty where not asked for."""

    spiffe_id: str
    token: str = ""
    expires_ms: int = 0
    chain: str = ""


class Workloads:
    """Gives them, in one tenant."""

    def __init__(
        self,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        proofs: MachineProofs,
        keys: SigningKeys,
        certificates: Certificates,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._options = options
        self._proofs = proofs
        self._keys = keys
        self._certificates = certificates

    async def issue(
        self,
        assertion: str,
        name: str,
        *,
        audience: Sequence[str] = (),
        csr_pem: str = "",
        plan: bool = False,
    ) -> Workload:
        """What ``name`` on the machine that signed ``assertion`` proves itself with.

        Raises ``InvalidClient`` (the machine), ``InvalidName``, ``InvalidEntity``,
        ``TooManyCertificates``.
        """
        _check(name, audience)
        key = read_request(csr_pem).key if csr_pem else None
        computer, _ = await self._proofs.computer(assertion, plan=plan)
        spiffe_id = spiffe_id_of(self._options.domain, computer, name)
        by = computer_subject(computer.name, self._options.domain)
        if key is not None:
            most = self._options.authority.machine_certificates_an_hour
            await self._certificates.refuse_often(by, most)
        if plan:
            return Workload(spiffe_id)
        token, expires_ms = await self._token(computer, name, audience) if audience else ("", 0)
        chain = ""
        if key is not None:
            profile = Profile(
                subject=(),
                names=(f"uri:{spiffe_id}",),
                usages=(SERVER, CLIENT),
                days=CERTIFICATE_DAYS,
                reason=f"{name} on {computer.name}",
            )
            issued = await self._certificates.vouch(key, profile, by=by, via=VIA)
            chain = issued.own_pem + issued.chain_pem
        return Workload(spiffe_id, token, expires_ms, chain)

    async def _token(
        self, computer: ComputerView, name: str, audience: Sequence[str]
    ) -> tuple[str, int]:
        now_s = self._clock.now_ms() // 1000
        claims: dict[str, object] = {
            "iss": self._options.issuer,
            "sub": spiffe_id_of(self._options.domain, computer, name),
            "aud": list(audience),
            "iat": now_s,
            "exp": now_s + TOKEN_S,
            "jti": new_jti(self._ids),
            "token_class": TOKEN_CLASS,
            "computer": computer.name,
            "name": name,
        }
        claims |= {
            key: value
            for key, value in (("project", computer.project), ("vm", computer.vm))
            if value
        }
        return sign(claims, await self._keys.signer(Algorithm.ES256)), (now_s + TOKEN_S) * 1000


def spiffe_id_of(domain: str, computer: ComputerView, name: str) -> str:
    """A program's name in the world; pure.

    Machines that the platform runs are named by project and VM, others by themselves.
    """
    place = (
        f"project/{computer.project}/vm/{computer.vm}"
        if computer.vm
        else f"machine/{computer.name}"
    )
    return f"spiffe://{domain}/{place}/{name}"


def _check(name: str, audience: Sequence[str]) -> None:
    if not _NAME.fullmatch(name):
        raise PermanentError(
            "InvalidName",
            f"{name[:80]!r} can't name a program.",
            hint="Use up to 63 of a-z, 0-9, '.', '_' and '-', a letter or digit first.",
        )
    if len(audience) > MOST_AUDIENCES:
        raise PermanentError("InvalidEntity", f"A token is for at most {MOST_AUDIENCES} audiences.")
    for each in audience:
        if not 0 < len(each) <= LONGEST_AUDIENCE or not each.isprintable():
            raise PermanentError("InvalidEntity", f"{each[:80]!r} is no audience.")
