"""What we are, for others to read: one entity a tenant, which signs in and is signed in to.

Signed, good for a week, with all keys that are published.
"""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.identity.saml import signatures
from heliostat.identity.saml import vocabulary as words
from heliostat.identity.saml.addresses import Addresses
from heliostat.identity.saml.certificates import KeyPair
from heliostat.identity.saml.markup import Node, instant, make, written
from heliostat.identity.saml.vocabulary import Binding, NameIdFormat

VALID_MS = 7 * 86_400_000


def metadata(addresses: Addresses, pairs: Sequence[KeyPair], id_: str, now_ms: int) -> bytes:
    """The signed document; the first of ``pairs`` signs."""
    entity = make(
        "md:EntityDescriptor",
        {
            "ID": id_,
            "entityID": addresses.entity_id,
            "validUntil": instant(now_ms + VALID_MS),
            "cacheDuration": "PT6H",
        },
        _identity_provider(addresses, pairs),
        _service_provider(addresses, pairs),
    )
    return b"<?xml version='1.0' encoding='UTF-8'?>\n" + written(signatures.sign(entity, pairs[0]))


def _identity_provider(addresses: Addresses, pairs: Sequence[KeyPair]) -> Node:
    return make(
        "md:IDPSSODescriptor",
        {"protocolSupportEnumeration": words.SAMLP, "WantAuthnRequestsSigned": "false"},
        *(_key(pair, "signing") for pair in pairs),
        *_services("md:SingleLogoutService", addresses.logout),
        *(make("md:NameIDFormat", None, each.value) for each in NameIdFormat),
        *_services("md:SingleSignOnService", addresses.sign_on),
    )


def _service_provider(addresses: Addresses, pairs: Sequence[KeyPair]) -> Node:
    return make(
        "md:SPSSODescriptor",
        {
            "protocolSupportEnumeration": words.SAMLP,
            "AuthnRequestsSigned": "true",
            "WantAssertionsSigned": "true",
        },
        *(_key(pair, "signing") for pair in pairs),
        *(_key(pair, "encryption") for pair in pairs),
        *_services("md:SingleLogoutService", addresses.consumer_logout),
        make("md:NameIDFormat", None, NameIdFormat.PERSISTENT.value),
        make(
            "md:AssertionConsumerService",
            {
                "Binding": Binding.POST.value,
                "Location": addresses.consumer,
                "index": "0",
                "isDefault": "true",
            },
        ),
    )


def _key(pair: KeyPair, use: str) -> Node:
    certificate = make("ds:X509Certificate", None, pair.base64)
    key_info = make("ds:KeyInfo", None, make("ds:X509Data", None, certificate))
    methods = ()
    if use == "encryption":
        methods = tuple(
            make("md:EncryptionMethod", {"Algorithm": each})
            for each in (
                f"{words.ENCRYPTION_11}aes256-gcm",
                f"{words.ENCRYPTION_11}aes128-gcm",
                f"{words.ENCRYPTION}rsa-oaep-mgf1p",
            )
        )
    return make("md:KeyDescriptor", {"use": use}, key_info, *methods)


def _services(tag: str, location: str) -> list[Node]:
    return [
        make(tag, {"Binding": each.value, "Location": location})
        for each in (Binding.POST, Binding.REDIRECT)
    ]
