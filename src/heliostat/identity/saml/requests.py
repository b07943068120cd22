"""What service providers ask: to sign somebody in, and what is wrong with how they ask.

Reading a request believes nothing but the registered provider: where the answer goes is
one of its own addresses, and a signature is looked at before anything is done.  Faults
of the request that the provider may be told are ``Refusal``; the rest is shown to the
person, because nobody knows where else to send it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from heliostat.identity.saml import signatures
from heliostat.identity.saml.bindings import Received, query_is_signed
from heliostat.identity.saml.certificates import load_certificate
from heliostat.identity.saml.markup import (
    Node,
    children,
    instant_ms,
    name,
    one,
    only,
    refused,
    text_of,
)
from heliostat.identity.saml.records import Endpoint, ServiceProvider
from heliostat.identity.saml.vocabulary import Binding, NameIdFormat, Status

OLDEST_MS = 10 * 60_000
"""A request may be that old: people leave pages open."""
AHEAD_MS = 3 * 60_000
"""A provider's clock may be that far ahead."""
COMPARISONS = ("exact", "minimum", "maximum", "better")
MOST_CONTEXTS = 20


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """A request to sign somebody in, from a provider that it is believed to be from."""

    id: str
    consumer: Endpoint
    force: bool
    passive: bool
    contexts: tuple[str, ...]
    comparison: str
    name_id: NameIdFormat | None
    """``None``: as is registered."""
    wrong_name_id: str = ""


class Refusal(Exception):
    """What the provider is told instead of an assertion."""

    def __init__(self, top: Status, second: Status | None, sentence: str) -> None:
        super().__init__(sentence)
        self.top = top
        self.second = second
        self.sentence = sentence


def issuer_of(root: Node) -> str:
    """Who a message says it is from."""
    return text_of(one(root, "saml:Issuer"))


def keys_of(texts: Sequence[str]) -> list[x509.Certificate]:
    """The registered certificates of somebody."""
    return [load_certificate(each) for each in texts]


def believed(
    received: Received, tag: str, certificates: Sequence[str], *, needs_signature: bool
) -> Node:
    """The message, once its signature has been looked at; only what is signed, if anything is.

    A signature that is there has to be right, also where none is asked for.
    """
    if received.root.tag != name(tag):
        raise refused(f"it is no {tag}")
    if received.root.get("Version") != "2.0":
        raise refused("it is not SAML 2.0")
    keys = keys_of(certificates)
    if received.binding is Binding.REDIRECT:
        if signatures.is_signed(received.root):
            raise refused("a query's message is not signed itself")
        signed = bool(keys) and query_is_signed(received, keys)
        if needs_signature and not signed:
            raise refused("it is not signed, and has to be")
        return received.root
    if signatures.is_signed(received.root) and keys:
        return signatures.verified(received.root, keys)
    if needs_signature:
        raise refused("it is not signed, and has to be")
    return received.root


def check_times(root: Node, now_ms: int, destinations: Sequence[str]) -> str:
    """The message's id, once its time and destination are in order."""
    id_ = root.get("ID") or ""
    if not 0 < len(id_) <= 256:
        raise refused("it has no id")
    issued_ms = instant_ms(root.get("IssueInstant") or "")
    if issued_ms < now_ms - OLDEST_MS:
        raise refused("it is too old; begin again")
    if issued_ms > now_ms + AHEAD_MS:
        raise refused("it is from the future: look at the clocks")
    destination = root.get("Destination")
    if destination and destination not in destinations:
        raise refused(f"it is meant for {destination[:80]!r}")
    return id_


def authn_request(
    root: Node, provider: ServiceProvider, now_ms: int, destinations: Sequence[str]
) -> AuthnRequest:
    """What an ``AuthnRequest`` asks for; raises ``InvalidSamlMessage``."""
    id_ = check_times(root, now_ms, destinations)
    if only(root, "saml:Subject") is not None:
        raise refused("it names whom to sign in; ask for anybody")
    policy = only(root, "samlp:NameIDPolicy")
    word = (policy.get("Format") or "") if policy is not None else ""
    wanted = NameIdFormat.of_word(word) if word else None
    qualifier = (policy.get("SPNameQualifier") or "") if policy is not None else ""
    wrong = word if word and wanted is None else ""
    if qualifier not in ("", provider.entity_id):
        wrong = qualifier
    contexts, comparison = _contexts(only(root, "samlp:RequestedAuthnContext"))
    return AuthnRequest(
        id=id_,
        consumer=_consumer(root, provider),
        force=_is_true(root.get("ForceAuthn")),
        passive=_is_true(root.get("IsPassive")),
        contexts=contexts,
        comparison=comparison,
        name_id=None if wanted is NameIdFormat.UNSPECIFIED else wanted,
        wrong_name_id=wrong,
    )


def logout_request(
    received: Received, sender: str, certificates: Sequence[str], place: str, now_ms: int
) -> tuple[Node, str]:
    """A request to sign somebody out that is in order, and its id."""
    root = believed(received, "samlp:LogoutRequest", certificates, needs_signature=True)
    id_ = check_times(root, now_ms, [place])
    if issuer_of(root) != sender:
        raise refused("its issuer is not signed")
    until = root.get("NotOnOrAfter")
    if until and instant_ms(until) + AHEAD_MS <= now_ms:
        raise refused("it has expired")
    return root, id_


def is_partial(root: Node) -> bool:
    """Whether an answer says that not everything was signed out of."""
    code = one(one(root, "samlp:Status"), "samlp:StatusCode")
    below = only(code, "samlp:StatusCode")
    return code.get("Value") != Status.SUCCESS or (
        below is not None and below.get("Value") == Status.PARTIAL_LOGOUT
    )


def default_consumer(provider: ServiceProvider) -> Endpoint:
    """Where assertions go that name no address (SAML metadata, 2.2.3)."""
    chosen = [each for each in provider.consumers if each.default]
    return (chosen or list(provider.consumers))[0]


def _consumer(root: Node, provider: ServiceProvider) -> Endpoint:
    """The registered address that the answer goes to; no other is ever used."""
    url, index = root.get("AssertionConsumerServiceURL"), root.get("AssertionConsumerServiceIndex")
    if root.get("ProtocolBinding") not in (None, Binding.POST):
        raise refused("the answer is to come by another way than a form")
    if url is not None and index is not None:
        raise refused("it names an address and an index")
    for each in provider.consumers:
        if url is not None and each.location == url:
            return each
        if index is not None and str(each.index) == index:
            return each
    if url is not None or index is not None:
        raise refused(f"{provider.name} has no address {str(url or index)[:80]!r}")
    return default_consumer(provider)


def _contexts(node: Node | None) -> tuple[tuple[str, ...], str]:
    if node is None:
        return (), "exact"
    comparison = node.get("Comparison") or "exact"
    if comparison not in COMPARISONS:
        raise refused(f"{comparison[:40]!r} compares nothing")
    classes = children(node, "saml:AuthnContextClassRef")[:MOST_CONTEXTS]
    return tuple(text_of(each) for each in classes), comparison


def _is_true(value: str | None) -> bool:
    return (value or "").strip() in ("true", "1")
