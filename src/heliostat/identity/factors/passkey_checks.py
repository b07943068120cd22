"""Answers of passkeys, checked by the ``webauthn`` library; loaded when the first one comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm

from heliostat.identity.factors.answers import bytes_of, client_data, refused
from heliostat.identity.factors.records import Factor

if TYPE_CHECKING:
    from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
    from webauthn.registration.verify_registration_response import VerifiedRegistration

ES256, RS256, ED25519 = -7, -257, -8
ALGORITHMS = (ES256, ED25519, RS256)
"""What we check, the preferred first (COSE)."""
_BROKEN = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    UnsupportedAlgorithm,
)
"""What the library's readers raise beside its own errors, over what no device would send."""


class PasskeyChecks:
    """For the host ``site``, on pages of ``origins``; each check raises ``SecondFactorWrong``."""

    def __init__(self, site: str, origins: Sequence[str]) -> None:
        self._site = site
        self._origins = list(origins)

    def verified(
        self, credential: dict[str, Any], factor: Factor, *, verified: bool
    ) -> VerifiedAuthentication:
        from webauthn import verify_authentication_response
        from webauthn.helpers.exceptions import WebAuthnException

        try:
            return verify_authentication_response(
                credential=credential,
                expected_challenge=bytes_of(client_data(credential).get("challenge")),
                expected_rp_id=self._site,
                expected_origin=self._origins,
                credential_public_key=bytes_of(factor.public_key),
                credential_current_sign_count=factor.sign_count,
                require_user_verification=verified,
            )
        except (WebAuthnException, *_BROKEN) as error:
            raise refused("its device's answer does not hold") from error

    def registered(self, credential: dict[str, Any], challenge: bytes) -> VerifiedRegistration:
        from webauthn import verify_registration_response
        from webauthn.helpers.cose import COSEAlgorithmIdentifier
        from webauthn.helpers.exceptions import WebAuthnException

        try:
            return verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._site,
                expected_origin=self._origins,
                supported_pub_key_algs=[COSEAlgorithmIdentifier(each) for each in ALGORITHMS],
            )
        except (WebAuthnException, *_BROKEN) as error:
            raise refused("its device's answer does not hold") from error
