"""Passkeys (WebAuthn level 2): enrolled under names, shown alone or after a password.

Attestation is not asked for: which maker's device somebody uses is nobody's business here.
A challenge is bound to what was asked, of whom, on which form, and is good once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.factors.answers import (
    bytes_of,
    client_data,
    read,
    refused,
    text_of,
    transports,
)
from heliostat.identity.factors.binding import origins_of, site_of
from heliostat.identity.factors.challenges import LASTS_S, Challenges
from heliostat.identity.factors.factors import Factors
from heliostat.identity.factors.passkey_checks import ALGORITHMS, PasskeyChecks
from heliostat.identity.factors.records import Factor, FactorKind
from heliostat.identity.factors.views import named
from heliostat.identity.names import fold
from heliostat.identity.steps.proofs import Proof


@dataclass(frozen=True, slots=True)
class Shown:
    """Whose passkey it was, and what that proves."""

    user: str
    proofs: tuple[Proof, ...]


class Passkeys:
    """Those of one tenant's people."""

    def __init__(self, factors: Factors, challenges: Challenges) -> None:
        self._factors = factors
        self._challenges = challenges
        self._sealing = factors.sealing
        self._options = factors.options
        self.site = site_of(factors.options)
        self._checks = PasskeyChecks(self.site, origins_of(factors.options, self.site))

    def ask_alone(self, form: str) -> str:
        """What the browser is asked where nobody has said who it is, as JSON."""
        return self._request(f"alone\0{form}", [], "required")

    async def ask_second(self, user: str, form: str, *, verified: bool) -> str:
        """What it is asked for a passkey of ``user``."""
        known = [_named_credential(each) for each in await self._of(user)]
        return self._request(f"second\0{user}\0{form}", known, _verification(verified))

    async def ask_new(self, person: Person, form: str) -> str:
        """What it is asked to make a passkey."""
        kept = await self._of(person.key)
        asked = {
            "rp": {"id": self.site, "name": self._options.domain},
            "user": {
                "id": self._handle(person.key, kept),
                "name": person.subject,
                "displayName": f"{person.given_name} {person.family_name}".strip()
                or person.subject,
            },
            "challenge": text_of(self._challenges.new(f"new\0{person.key}\0{form}")),
            "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in ALGORITHMS],
            "timeout": LASTS_S * 1000,
            "excludeCredentials": [_named_credential(each) for each in kept],
            "authenticatorSelection": {
                "residentKey": "preferred",
                "userVerification": "preferred",
            },
            "attestation": "none",
        }
        return json.dumps(asked)

    async def show_alone(self, answer: str, form: str) -> Shown:
        """Whose passkey has answered ``ask_alone``; its device must have asked for a PIN.

        Raises ``SecondFactorWrong``.
        """
        credential = read(answer)  # looked for first: who has none here writes nothing
        found = await self._factors.kept.by_index(
            self._factors.store, "credential", str(credential["id"])
        )
        if not found:
            raise refused("nobody here has that passkey")
        await self._spend(credential, f"alone\0{form}", "webauthn.get")
        user = found[0].value.user
        return Shown(user, await self._shown(credential, user, verified=True))

    async def show_second(
        self, user: str, answer: str, form: str, *, verified: bool
    ) -> tuple[Proof, ...]:
        """What a passkey of ``user`` proves beside what was shown; raises ``SecondFactorWrong``."""
        credential = read(answer)
        await self._spend(credential, f"second\0{user}\0{form}", "webauthn.get")
        return await self._shown(credential, user, verified=verified)

    async def add(
        self, person: Person, answer: str, form: str, name: str
    ) -> tuple[tuple[Proof, ...], tuple[str, ...]]:
        """Enrol what has answered ``ask_new``; gives what it proves, and recovery codes if this
        is the person's first factor.

        Raises ``SecondFactorWrong``, ``InvalidOperation``.
        """
        credential = read(answer)
        challenge = await self._spend(credential, f"new\0{person.key}\0{form}", "webauthn.create")
        made = self._checks.registered(credential, challenge)
        factor = Factor(
            id=self._factors.ids.new_id(),
            user=fold(person.key),
            kind=FactorKind.PASSKEY,
            name=named(name, "Passkey"),
            created_ms=self._factors.clock.now_ms(),
            credential=text_of(made.credential_id),
            public_key=text_of(made.credential_public_key),
            sign_count=made.sign_count,
            synced=made.credential_device_type.value == "multi_device",
            transports=transports(credential),
            handle=self._handle(person.key, await self._of(person.key)),
        )
        if await self._factors.kept.ids_by_index(
            self._factors.store, "credential", factor.credential
        ):
            raise refused("it is enrolled already")
        codes = await self._factors.add(factor)
        return _proofs(factor, made.user_verified), codes

    async def _shown(
        self, credential: dict[str, Any], user: str, *, verified: bool
    ) -> tuple[Proof, ...]:
        """Check an answer, and keep the device's counter in the commit that it was read for."""
        factors = self._factors
        handle = credential["response"].get("userHandle")

        async def decide() -> Decided[tuple[Proof, ...]]:
            for each in await factors.of(user):
                if each.value.credential and each.value.credential == credential["id"]:
                    if handle and handle != each.value.handle:
                        raise refused("it was made for somebody else")
                    shown = self._checks.verified(credential, each.value, verified=verified)
                    new = msgspec.structs.replace(
                        each.value,
                        sign_count=shown.new_sign_count,
                        used_ms=factors.clock.now_ms(),
                    )
                    changes = factors.kept.put(new, each.value)
                    proofs = _proofs(new, shown.user_verified)
                    return Decided(proofs, [factors.kept.guard(each)], changes)
            raise refused("it is not one of that person's passkeys")

        return await settle(factors.store, decide)

    async def _spend(self, credential: dict[str, Any], purpose: str, kind: str) -> bytes:
        """The challenge that was answered, used up."""
        told = client_data(credential)
        if told.get("type") != kind or told.get("crossOrigin") is True:
            raise refused("it answers another question")
        challenge = bytes_of(told.get("challenge"))
        await self._challenges.spend(challenge, purpose)
        return challenge

    def _request(self, purpose: str, known: list[dict[str, Any]], verification: str) -> str:
        asked = {
            "challenge": text_of(self._challenges.new(purpose)),
            "rpId": self.site,
            "timeout": LASTS_S * 1000,
            "userVerification": verification,
            "allowCredentials": known,
        }
        return json.dumps(asked)

    def _handle(self, user: str, kept: Sequence[Factor]) -> str:
        """What devices call a person, the same for all passkeys: it says nothing to others."""
        derived = self._sealing.proof("handle", self._options.tenant, user)
        return next((each.handle for each in kept if each.handle), derived)

    async def _of(self, user: str) -> list[Factor]:
        return [e.value for e in await self._factors.of(user) if e.value.credential]


def _proofs(factor: Factor, verified: bool) -> tuple[Proof, ...]:
    key = Proof.SYNCED_KEY if factor.synced else Proof.DEVICE_KEY
    return (key, Proof.PRESENT, *((Proof.VERIFIED,) if verified else ()))


def _verification(verified: bool) -> str:
    return "required" if verified else "preferred"


def _named_credential(factor: Factor) -> dict[str, Any]:
    return {
        "type": "public-key",
        "id": factor.credential,
        "transports": list(factor.transports),
    }
