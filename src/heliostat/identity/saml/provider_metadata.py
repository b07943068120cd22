"""What a service provider's metadata says, as far as we go by it (SAML metadata, 2.4.4).

Pure.  The document comes from whoever administers the provider, so it is bounded like
every other; keys and addresses in it are registered, and nothing in it is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.core.errors import PermanentError
from heliostat.identity.saml import markup
from heliostat.identity.saml import vocabulary as words
from heliostat.identity.saml.certificates import as_base64, load_certificate
from heliostat.identity.saml.markup import Node, children, name, text_of
from heliostat.identity.saml.records import Endpoint
from heliostat.identity.saml.vocabulary import Binding, NameIdFormat

MOST_ENDPOINTS = 50
MOST_KEYS = 10


@dataclass(frozen=True, slots=True)
class Described:
    """One role of an entity, as its metadata tells of it."""

    entity_id: str
    consumers: tuple[Endpoint, ...]
    logouts: tuple[Endpoint, ...]
    sign_ons: tuple[Endpoint, ...]
    signing: tuple[str, ...]
    encryption: tuple[str, ...]
    name_ids: tuple[NameIdFormat, ...]
    signs_requests: bool
    wants_signed_requests: bool
    wants_signed_assertions: bool
    valid_until_ms: int


def service_provider(text: str, now_ms: int) -> Described:
    """The service provider in a metadata document; raises ``InvalidEntity``."""
    return _described(text, "md:SPSSODescriptor", now_ms)


def identity_provider(text: str, now_ms: int) -> Described:
    """The identity provider in a metadata document; raises ``InvalidEntity``."""
    return _described(text, "md:IDPSSODescriptor", now_ms)


def _described(text: str, role_tag: str, now_ms: int) -> Described:
    try:
        root = markup.parse(text.encode(), markup.LONGEST_METADATA, comments=True)
        return _read(root, role_tag, now_ms)
    except PermanentError as error:
        if error.code == "InvalidEntity":
            raise
        sentence = error.message.replace("The SAML message is", "The metadata is")
        raise PermanentError("InvalidEntity", sentence) from error


def _read(root: Node, role_tag: str, now_ms: int) -> Described:
    entity = _entity(root, role_tag)
    role = children(entity, role_tag)[0]
    if words.SAMLP not in (role.get("protocolSupportEnumeration") or "").split():
        raise _wrong("it does not speak SAML 2.0")
    entity_id = entity.get("entityID") or ""
    if not entity_id or len(entity_id) > 1024 or any(each.isspace() for each in entity_id):
        raise _wrong("its entityID is no name")
    until = [each.get("validUntil") for each in (root, entity, role) if each.get("validUntil")]
    valid_until_ms = min(map(markup.instant_ms, until), default=0)
    if 0 < valid_until_ms <= now_ms:
        raise _wrong(f"it was valid until {markup.instant(valid_until_ms)}")
    formats = [NameIdFormat.of_word(text_of(each)) for each in children(role, "md:NameIDFormat")]
    return Described(
        entity_id=entity_id,
        consumers=_endpoints(role, "md:AssertionConsumerService"),
        logouts=_endpoints(role, "md:SingleLogoutService"),
        sign_ons=_endpoints(role, "md:SingleSignOnService"),
        signing=_certificates(role, "signing"),
        encryption=_certificates(role, "encryption"),
        name_ids=tuple(each for each in formats if each is not None),
        signs_requests=_is_true(role.get("AuthnRequestsSigned")),
        wants_signed_requests=_is_true(role.get("WantAuthnRequestsSigned")),
        wants_signed_assertions=_is_true(role.get("WantAssertionsSigned")),
        valid_until_ms=valid_until_ms,
    )


def _entity(root: Node, role_tag: str) -> Node:
    """The one entity in that role; aggregates are for whoever takes several at once."""
    entities = [root] if root.tag == name("md:EntityDescriptor") else []
    if root.tag == name("md:EntitiesDescriptor"):
        entities = list(root.iter(name("md:EntityDescriptor")))
    found = [each for each in entities if children(each, role_tag)]
    if len(found) != 1 or len(children(found[0], role_tag)) != 1:
        what = role_tag.removeprefix("md:")
        raise _wrong(f"it has {len(found)} entities with an {what}, not one")
    return found[0]


def _endpoints(role: Node, tag: str) -> tuple[Endpoint, ...]:
    found = []
    for each in children(role, tag)[:MOST_ENDPOINTS]:
        if each.get("Binding") not in set(Binding):
            continue  # SOAP, artifacts and PAOS are not spoken here
        index = each.get("index") or "0"
        if not index.isdecimal() or len(index) > 5:
            raise _wrong(f"the index {index[:20]!r} is no number")
        found.append(
            Endpoint(
                binding=Binding(each.get("Binding")),
                location=checked_location(each.get("Location") or ""),
                answers=checked_location(each.get("ResponseLocation") or "", needed=False),
                index=int(index),
                default=_is_true(each.get("isDefault")),
            )
        )
    return tuple(found)


def checked_location(url: str, *, needed: bool = True) -> str:
    """An address that browsers may be sent to; raises ``InvalidEntity``.

    HTTP without TLS only on the loopback address: an assertion is as good as a password.
    """
    from heliostat.identity.redirects import checked_redirect

    if not url and not needed:
        return ""
    if not url.startswith(("https://", "http://")):
        raise PermanentError("InvalidEntity", f"{url[:80]!r} is no address of a web server.")
    return checked_redirect(url)


def _certificates(role: Node, use: str) -> tuple[str, ...]:
    found: list[str] = []
    for each in children(role, "md:KeyDescriptor")[:MOST_KEYS]:
        if each.get("use") in (None, use):
            for certificate in each.iter(name("ds:X509Certificate")):
                found.append(as_base64(load_certificate(text_of(certificate))))
    return tuple(dict.fromkeys(found))[:MOST_KEYS]


def _is_true(value: str | None) -> bool:
    return (value or "").strip() in ("true", "1")


def _wrong(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"The metadata is refused: {why}.")
