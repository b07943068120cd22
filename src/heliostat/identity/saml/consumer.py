"""What another identity provider says of somebody, believed or not.  Pure.

One response has one assertion, and what is read of it was signed by a registered key: the
response with the assertion in it, or the assertion itself.  It has to be for us, for the
request that this browser was sent with, and of now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliostat.identity.saml import signatures
from heliostat.identity.saml import vocabulary as words
from heliostat.identity.saml.bindings import Received
from heliostat.identity.saml.certificates import KeyPair
from heliostat.identity.saml.encryption import decrypted
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
from heliostat.identity.saml.requests import keys_of
from heliostat.identity.saml.vocabulary import Binding, Status

TOLERANCE_MS = 3 * 60_000
"""Clocks of two companies differ by that."""
LONGEST_MS = 10 * 60_000
"""An assertion that could be used for longer counts no longer than that."""
MOST_VALUES = 1_000
_CONDITIONS = ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")


@dataclass(frozen=True, slots=True)
class Expected:
    """Whom an answer has to be from, and for; ``pairs`` open what is encrypted to us."""

    issuer: str
    certificates: Sequence[str]
    audience: str
    recipient: str
    request_id: str
    pairs: Sequence[KeyPair] = ()


@dataclass(frozen=True, slots=True)
class Asserted:
    """What an identity provider says: attributes by name and by friendly name."""

    id: str
    until_ms: int
    name_id: str
    name_id_format: str
    session_index: str
    context: str
    attributes: Mapping[str, tuple[str, ...]]


def asserted(received: Received, expected: Expected, now_ms: int) -> Asserted:
    """What is said; raises ``InvalidSamlMessage``."""
    root = received.root
    if received.binding is not Binding.POST or root.tag != name("samlp:Response"):
        raise refused("it is no response in a form")
    keys = keys_of(expected.certificates)
    whole_signed = signatures.is_signed(root)
    if whole_signed:
        root = signatures.verified(root, keys)
    _check_response(root, expected, signed=whole_signed)
    assertion = _only_assertion(root, expected.pairs)
    if signatures.is_signed(assertion):
        assertion = signatures.verified(assertion, keys)
    elif not whole_signed:
        raise refused("neither the response nor the assertion is signed")
    return _said(assertion, expected, now_ms)


def _check_response(root: Node, expected: Expected, *, signed: bool) -> None:
    if root.get("Version") != "2.0":
        raise refused("it is not SAML 2.0")
    issuer = only(root, "saml:Issuer")
    if issuer is not None and text_of(issuer) != expected.issuer:
        raise refused("it is from another identity provider than was asked")
    destination = root.get("Destination")
    if destination != expected.recipient and (destination or signed):
        raise refused(f"it is meant for {str(destination)[:80]!r}")
    if root.get("InResponseTo") != expected.request_id:
        raise refused("it answers nothing that this browser has asked")
    code = one(one(root, "samlp:Status"), "samlp:StatusCode")
    if code.get("Value") != Status.SUCCESS:
        below = only(code, "samlp:StatusCode")
        told = str((below if below is not None else code).get("Value")).rpartition(":")[2]
        raise refused(f"the identity provider says {told[:60]}")


def _only_assertion(root: Node, pairs: Sequence[KeyPair]) -> Node:
    plain, sealed = children(root, "saml:Assertion"), children(root, "saml:EncryptedAssertion")
    everywhere = [*root.iter(name("saml:Assertion")), *root.iter(name("saml:EncryptedAssertion"))]
    if len(plain) + len(sealed) != 1 or len(everywhere) != 1:
        raise refused("there is not exactly one assertion")
    return plain[0] if plain else decrypted(sealed[0], pairs)


def _said(assertion: Node, expected: Expected, now_ms: int) -> Asserted:
    id_ = assertion.get("ID") or ""
    if assertion.get("Version") != "2.0" or not 0 < len(id_) <= 256:
        raise refused("the assertion has no id, or is not SAML 2.0")
    if text_of(one(assertion, "saml:Issuer")) != expected.issuer:
        raise refused("the assertion is from another identity provider than was asked")
    _check_conditions(one(assertion, "saml:Conditions"), expected, now_ms)
    subject = one(assertion, "saml:Subject")
    until_ms = _confirmed_until(subject, expected, now_ms)
    statement = one(assertion, "saml:AuthnStatement")
    ends = statement.get("SessionNotOnOrAfter")
    if ends and instant_ms(ends) + TOLERANCE_MS <= now_ms:
        raise refused("the session that it tells of has ended")
    context = one(statement, "saml:AuthnContext")
    name_id = one(subject, "saml:NameID")
    if not 0 < len(text_of(name_id)) <= 256:
        raise refused("it names nobody")
    return Asserted(
        id=id_,
        until_ms=until_ms,
        name_id=text_of(name_id),
        name_id_format=name_id.get("Format") or "",
        session_index=(statement.get("SessionIndex") or "")[:256],
        context=text_of(only(context, "saml:AuthnContextClassRef")),
        attributes=_attributes(assertion),
    )


def _check_conditions(conditions: Node, expected: Expected, now_ms: int) -> None:
    _check_window(conditions, now_ms)
    known = {name(f"saml:{each}") for each in _CONDITIONS}
    if any(each.tag not in known for each in conditions):
        raise refused("it has conditions that are not known here")
    restrictions = children(conditions, "saml:AudienceRestriction")
    if not restrictions:
        raise refused("it does not say whom it is for")
    for each in restrictions:
        if expected.audience not in map(text_of, children(each, "saml:Audience")):
            raise refused("it is for somebody else")


def _check_window(node: Node, now_ms: int) -> None:
    begins, ends = node.get("NotBefore"), node.get("NotOnOrAfter")
    if begins and instant_ms(begins) - TOLERANCE_MS > now_ms:
        raise refused("it does not count yet: look at the clocks")
    if ends and instant_ms(ends) + TOLERANCE_MS <= now_ms:
        raise refused("it has expired")


def _confirmed_until(subject: Node, expected: Expected, now_ms: int) -> int:
    """Until when the bearer may come; raises where no confirmation is for this request."""
    why = "it has no bearer confirmation"
    for each in children(subject, "saml:SubjectConfirmation"):
        data = only(each, "saml:SubjectConfirmationData")
        if each.get("Method") != words.BEARER or data is None:
            continue
        if data.get("Recipient") != expected.recipient:
            why = "it is meant for another address"
        elif data.get("InResponseTo") != expected.request_id:
            why = "it answers nothing that this browser has asked"
        elif data.get("NotBefore") is not None or not data.get("NotOnOrAfter"):
            why = "its confirmation does not end"
        else:
            _check_window(data, now_ms)
            return min(instant_ms(data.get("NotOnOrAfter")), now_ms + LONGEST_MS) + TOLERANCE_MS
    raise refused(why)


def _attributes(assertion: Node) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for statement in children(assertion, "saml:AttributeStatement"):
        for each in children(statement, "saml:Attribute"):
            values = [
                text_of(value)[:1024]
                for value in children(each, "saml:AttributeValue")[:MOST_VALUES]
                if not len(value)
            ]
            for key in (each.get("Name"), each.get("FriendlyName")):
                if key:
                    found[key] = (
                        (*found.get(key, ()), *values)
                        if key == each.get("Name")
                        else (found.get(key) or tuple(values))
                    )
    return found
