"""Refusals of the authority: each with its code and the reason in the sentence."""

from __future__ import annotations

from heliostat.core.errors import PermanentError


def bad_request(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"The signing request is refused: {why}.")


def refused(why: str) -> PermanentError:
    return PermanentError("CertificateRefused", f"The certificate is refused: {why}.")


def too_old() -> PermanentError:
    return PermanentError(
        "RootTooOld", "The site's root is from before tenants had authorities of their own."
    )
