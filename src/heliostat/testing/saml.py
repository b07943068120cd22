"""A service provider for tests: makes requests and reads answers with keys of its own.

What our own parts read was judged by others in its own tests; here it saves writing XML.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import cache

from heliostat.identity.saml import signatures
from heliostat.identity.saml.bindings import REQUEST, to_form, to_query
from heliostat.identity.saml.certificates import KeyPair, load_pair, new_pair
from heliostat.identity.saml.markup import Node, instant, make, parse, written
from heliostat.identity.saml.vocabulary import SAMLP, Binding
from heliostat.wire.service_providers import ServiceProviderCreateSpec


@cache
def pair_of(name: str) -> KeyPair:
    """A key pair, made once a process: each takes a quarter of a second."""
    return load_pair(*new_pair(name, 1_700_000_000_000, 10 * 365 * 86_400))


def pem(pair: KeyPair) -> str:
    """The certificate, as administrators give it."""
    return f"-----BEGIN CERTIFICATE-----\n{pair.base64}\n-----END CERTIFICATE-----\n"


@dataclass
class TestProvider:
    """A service provider at ``https://sp.test``."""

    __test__ = False
    entity_id: str = "https://sp.test/saml"
    acs: str = "https://sp.test/acs"
    slo: str = "https://sp.test/slo"
    made: int = field(default=0)

    @property
    def pair(self) -> KeyPair:
        return pair_of(self.entity_id)

    def spec(self, **more: object) -> ServiceProviderCreateSpec:
        """How it is registered."""
        given: dict[str, object] = {
            "name": "sp",
            "entity_id": self.entity_id,
            "acs_urls": [self.acs, f"{self.acs}/2"],
            "logout_url": self.slo,
            "certificates": [pem(self.pair)],
            **more,
        }
        return ServiceProviderCreateSpec(**given)  # type: ignore[arg-type]

    def metadata(self) -> str:
        """What it would say of itself as an identity provider."""
        certificate = make("ds:X509Certificate", None, self.pair.base64)
        key = make("ds:KeyInfo", None, make("ds:X509Data", None, certificate))
        place = {"Binding": Binding.REDIRECT.value, "Location": f"{self.entity_id}/sso"}
        role = make(
            "md:IDPSSODescriptor",
            {"protocolSupportEnumeration": SAMLP},
            make("md:KeyDescriptor", {"use": "signing"}, key),
            make("md:SingleSignOnService", place),
        )
        entity = make("md:EntityDescriptor", {"entityID": self.entity_id}, role)
        return written(entity).decode()

    def authn_request(
        self, destination: str, now_ms: int, *inside: Node, **attributes: str | None
    ) -> Node:
        """A request to sign somebody in."""
        self.made += 1
        given = {
            "ID": f"_request{self.made}",
            "Version": "2.0",
            "IssueInstant": instant(now_ms),
            "Destination": destination,
            **attributes,
        }
        issuer = make("saml:Issuer", None, self.entity_id)
        return make("samlp:AuthnRequest", given, issuer, *inside)

    def logout_request(
        self, destination: str, now_ms: int, name_id: str, session_index: str
    ) -> Node:
        """A request to sign somebody out."""
        self.made += 1
        return make(
            "samlp:LogoutRequest",
            {
                "ID": f"_request{self.made}",
                "Version": "2.0",
                "IssueInstant": instant(now_ms),
                "Destination": destination,
            },
            make("saml:Issuer", None, self.entity_id),
            make("saml:NameID", None, name_id),
            make("samlp:SessionIndex", None, session_index) if session_index else None,
        )

    def query(self, message: Node, relay_state: str = "", kind: str = REQUEST) -> str:
        """The message in a query, signed."""
        return to_query(kind, message, relay_state, self.pair)

    def form(self, message: Node, relay_state: str = "", kind: str = REQUEST) -> dict[str, str]:
        """The message in a form, signed."""
        return to_form(kind, signatures.sign(message, self.pair), relay_state)


def message_in(fields: dict[str, str], kind: str) -> Node:
    """The message that a form carries."""
    return parse(base64.b64decode(fields[kind]))
