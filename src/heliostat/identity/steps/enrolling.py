"""A factor that a form brings: codes of an app, or a passkey."""

from __future__ import annotations

from collections.abc import Mapping

from heliostat.identity.directory.contract.people import Person
from heliostat.identity.steps.onward import Visit
from heliostat.identity.steps.proofs import Proof


async def enrolled(
    visit: Visit, person: Person, fields: Mapping[str, str]
) -> tuple[tuple[Proof, ...], tuple[str, ...]]:
    """Keep it; what it proves, and recovery codes to show if it is the person's first.

    Raises ``SecondFactorWrong``, ``InvalidOperation``.
    """
    name = fields.get("name", "")
    if fields.get("passkey"):
        passkeys = visit.realm.passkeys
        return await passkeys.add(person, fields["passkey"], fields["form_token"], name)
    offer, code = fields.get("offer", ""), fields.get("code", "")
    codes = await visit.realm.factors.add_codes(person.key, offer, code, name)
    return (Proof.ONE_TIME,), codes
