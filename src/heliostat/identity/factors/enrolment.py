"""An app being enrolled: what its page shows, and what the form brings back."""

from __future__ import annotations

import io
from dataclasses import dataclass

from heliostat.core.errors import PermanentError
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.factors import totp
from heliostat.identity.factors.factors import Factors
from heliostat.identity.steps.pages import Offer

_DOTS = 4
"""Pixels of a dot of the QR code."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """``offer`` is shown; ``sealed`` comes back with the first code."""

    offer: Offer
    sealed: str

    @classmethod
    def of(cls, factors: Factors, person: Person, sealed: str = "") -> Enrolment:
        """A fresh secret for ``person``, or the one ``sealed`` before, after a mistyped code."""
        try:
            secret = factors.offered(person.key, sealed)
        except PermanentError:
            secret, sealed = factors.new_secret(person.key)
        return cls(offer_of(secret, factors.options.domain, person.subject), sealed)


def offer_of(secret: bytes, issuer: str, subject: str) -> Offer:
    """A secret as people get it into an app."""
    text = totp.as_text(secret)
    grouped = " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    return Offer(qr_code(totp.address(secret, issuer, subject)), grouped)


def qr_code(text: str) -> str:
    """A QR code as an SVG element, which needs neither script nor style."""
    import segno  # only who enrols pays for it

    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=False, scale=_DOTS, border=4, svgclass="code",
        lineclass=None, omitsize=False, light="#fff",
    )  # fmt: skip
    return out.getvalue().decode()
