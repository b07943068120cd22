"""Where a tenant's SAML endpoints are.  Pure; loads no library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a tenant's SAML endpoints are."""

    base_url: str
    domain: str

    def of(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}/websso/SAML2/{path}/{self.domain}"

    @property
    def entity_id(self) -> str:
        """What we call ourselves: where our metadata is."""
        return self.of("Metadata")

    @property
    def sign_on(self) -> str:
        return self.of("SSO")

    @property
    def logout(self) -> str:
        return self.of("SLO")

    @property
    def consumer(self) -> str:
        """Where other identity providers post their assertions."""
        return self.of("SP/ACS")

    @property
    def consumer_logout(self) -> str:
        """Where other identity providers tell of signing out."""
        return self.of("SP/SLO")
