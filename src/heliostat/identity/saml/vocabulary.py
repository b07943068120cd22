"""The words of SAML 2.0: namespaces, bindings, formats, statuses.  Imports nothing heavy."""

from __future__ import annotations

from enum import StrEnum

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
ENCRYPTION = "http://www.w3.org/2001/04/xmlenc#"
ENCRYPTION_11 = "http://www.w3.org/2009/xmlenc11#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
SCHEMA = "http://www.w3.org/2001/XMLSchema"
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
WS_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WS_UTILITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
WS_TRUST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
WS_ADDRESSING = "http://www.w3.org/2005/08/addressing"
WS_POLICY = "http://schemas.xmlsoap.org/ws/2004/09/policy"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
URI_NAMES = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
CONSENT_UNSPECIFIED = "urn:oasis:names:tc:SAML:2.0:consent:unspecified"
LOGOUT_BY_USER = "urn:oasis:names:tc:SAML:2.0:logout:user"
LONGEST_RELAY_STATE = 1024
"""Bytes; the standard says 80, and nobody keeps to it."""


class Binding(StrEnum):
    """How a message travels by way of the browser."""

    REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


class NameIdFormat(StrEnum):
    """How a person is named to a service provider."""

    PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
    UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"

    @property
    def word(self) -> str:
        """The last part, as administrators write it."""
        return self.value.rpartition(":")[2]

    @classmethod
    def of_word(cls, word: str) -> NameIdFormat | None:
        """The format that an administrator's word, or a whole URN, means."""
        for each in cls:
            if word in (each.value, each.word):
                return each
        return None


ENTITY_FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"


class Status(StrEnum):
    """Top-level and second-level status codes."""

    SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
    REQUESTER = "urn:oasis:names:tc:SAML:2.0:status:Requester"
    RESPONDER = "urn:oasis:names:tc:SAML:2.0:status:Responder"
    NO_PASSIVE = "urn:oasis:names:tc:SAML:2.0:status:NoPassive"
    NO_AUTHN_CONTEXT = "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext"
    INVALID_NAME_ID_POLICY = "urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy"
    REQUEST_DENIED = "urn:oasis:names:tc:SAML:2.0:status:RequestDenied"
    UNSUPPORTED = "urn:oasis:names:tc:SAML:2.0:status:RequestUnsupported"
    PARTIAL_LOGOUT = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
    UNKNOWN_PRINCIPAL = "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal"


class AuthnContext(StrEnum):
    """How somebody was known.  Later ones are worth more: their order answers "minimum"."""

    UNSPECIFIED = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
    PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"  # noqa: S105 - a class
    PROTECTED_PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"  # noqa: S105 - a class
    KERBEROS = "urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos"
    MULTI_FACTOR = "https://refeds.org/profile/mfa"


RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"
RSA_SHA512 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"
SIGNATURE_METHODS = frozenset({RSA_SHA256, RSA_SHA384, RSA_SHA512, ECDSA_SHA256})
"""What is believed: nothing with SHA-1, MD5, DSA or a shared secret."""
DIGEST_METHODS = frozenset({SHA256, SHA384, SHA512})
