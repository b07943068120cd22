"""Responses and assertions as they are written.  Pure but for the signature's own time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliostat.identity.saml import signatures
from heliostat.identity.saml import vocabulary as words
from heliostat.identity.saml.certificates import KeyPair
from heliostat.identity.saml.encryption import encrypted
from heliostat.identity.saml.markup import Node, instant, make
from heliostat.identity.saml.records import ServiceProvider
from heliostat.identity.saml.requests import keys_of
from heliostat.identity.saml.vocabulary import NameIdFormat, Status

LASTS_MS = 5 * 60_000
"""How long an assertion may take to its provider."""
BEFORE_MS = 60_000
"""A provider's clock may be that far behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is said of somebody; ``request_id`` is empty where nobody asked.

    ``recipient`` is empty for who fetches the assertion itself (WS-Trust).
    """

    issuer: str
    audience: str
    recipient: str
    request_id: str
    name_id: str
    name_id_format: NameIdFormat
    attributes: Mapping[str, Sequence[str]]
    context: str
    session_index: str
    signed_in_ms: int
    session_ends_ms: int
    now_ms: int
    lasts_ms: int = LASTS_MS


@dataclass(frozen=True, slots=True)
class NewIds:
    """Ids for the two elements that are signed."""

    response: str
    assertion: str


def assertion(said: Statement, id_: str) -> Node:
    """The assertion, not signed yet."""
    return make(
        "saml:Assertion",
        {"ID": id_, "Version": "2.0", "IssueInstant": instant(said.now_ms)},
        make("saml:Issuer", None, said.issuer),
        _subject(said),
        make(
            "saml:Conditions",
            {
                "NotBefore": instant(said.now_ms - BEFORE_MS),
                "NotOnOrAfter": instant(said.now_ms + said.lasts_ms),
            },
            make("saml:AudienceRestriction", None, make("saml:Audience", None, said.audience)),
        ),
        make(
            "saml:AuthnStatement",
            {
                "AuthnInstant": instant(said.signed_in_ms),
                "SessionIndex": said.session_index,
                "SessionNotOnOrAfter": instant(said.session_ends_ms),
            },
            make("saml:AuthnContext", None, make("saml:AuthnContextClassRef", None, said.context)),
        ),
        _attributes(said.attributes),
    )


def response(said: Statement, provider: ServiceProvider, pair: KeyPair, ids: NewIds) -> Node:
    """A signed response with what is said, encrypted if the provider wants that."""
    inner = assertion(said, ids.assertion)
    if provider.wants_signed_assertion:
        inner = signatures.sign(inner, pair)
    if provider.encrypts:
        inner = encrypted(inner, keys_of(provider.encryption)[0])
    whole = _response(said.issuer, said.recipient, said.request_id, ids.response, said.now_ms)
    whole.append(_status(Status.SUCCESS, None, ""))
    whole.append(inner)
    return signatures.sign(whole, pair) if provider.wants_signed_response else whole


def refusal(
    issuer: str,
    destination: str,
    request_id: str,
    id_: str,
    now_ms: int,
    pair: KeyPair,
    told: tuple[Status, Status | None, str],
) -> Node:
    """A signed response without an assertion."""
    whole = _response(issuer, destination, request_id, id_, now_ms)
    whole.append(_status(*told))
    return signatures.sign(whole, pair)


def logout_response(
    issuer: str, destination: str, request_id: str, id_: str, now_ms: int, *, partial: bool
) -> Node:
    """The answer to a ``LogoutRequest``, not signed yet: its way decides where that goes."""
    whole = make(
        "samlp:LogoutResponse",
        {
            "ID": id_,
            "Version": "2.0",
            "IssueInstant": instant(now_ms),
            "Destination": destination,
            "InResponseTo": request_id,
        },
        make("saml:Issuer", None, issuer),
    )
    second = Status.PARTIAL_LOGOUT if partial else None
    sentence = "Some programs did not sign out." if partial else ""
    whole.append(_status(Status.SUCCESS, second, sentence))
    return whole


def logout_request(
    issuer: str,
    destination: str,
    name_id: Node,
    session_indexes: Sequence[str],
    id_: str,
    now_ms: int,
) -> Node:
    """Asks a provider to sign somebody out, not signed yet."""
    return make(
        "samlp:LogoutRequest",
        {
            "ID": id_,
            "Version": "2.0",
            "IssueInstant": instant(now_ms),
            "NotOnOrAfter": instant(now_ms + LASTS_MS),
            "Destination": destination,
            "Reason": words.LOGOUT_BY_USER,
        },
        make("saml:Issuer", None, issuer),
        name_id,
        *(make("samlp:SessionIndex", None, each) for each in session_indexes),
    )


def name_id(text: str, format_: NameIdFormat, issuer: str, audience: str) -> Node:
    """A name, qualified where it means something only between the two."""
    qualified = format_ in (NameIdFormat.PERSISTENT, NameIdFormat.TRANSIENT)
    return make(
        "saml:NameID",
        {
            "Format": format_.value,
            "NameQualifier": issuer if qualified else None,
            "SPNameQualifier": audience if qualified else None,
        },
        text,
    )


def _subject(said: Statement) -> Node:
    data = make(
        "saml:SubjectConfirmationData",
        {
            "NotOnOrAfter": instant(said.now_ms + said.lasts_ms),
            "Recipient": said.recipient or None,
            "InResponseTo": said.request_id or None,
        },
    )
    return make(
        "saml:Subject",
        None,
        name_id(said.name_id, said.name_id_format, said.issuer, said.audience),
        make("saml:SubjectConfirmation", {"Method": words.BEARER}, data),
    )


def _attributes(attributes: Mapping[str, Sequence[str]]) -> Node | None:
    if not attributes:
        return None
    statement = make("saml:AttributeStatement")
    for each, values in attributes.items():
        uri, friendly = NAMES.get(each, (each, each))
        node = make(
            "saml:Attribute",
            {"Name": uri, "NameFormat": words.URI_NAMES, "FriendlyName": friendly},
        )
        for value in values:
            node.append(make("saml:AttributeValue", None, value))
        statement.append(node)
    return statement


NAMES = {
    "mail": ("urn:oid:0.9.2342.19200300.100.1.3", "mail"),
    "givenName": ("urn:oid:2.5.4.42", "givenName"),
    "sn": ("urn:oid:2.5.4.4", "sn"),
    "displayName": ("urn:oid:2.16.840.1.113730.3.1.241", "displayName"),
    "uid": ("urn:oid:0.9.2342.19200300.100.1.1", "uid"),
    "upn": ("http://schemas.xmlsoap.org/claims/UPN", "userPrincipalName"),
    "groups": ("http://rsa.com/schemas/attr-names/2009/01/GroupIdentity", "Groups"),
}
"""Attributes by our words: the name that is sent, and its friendly one.  The last two are
what existing relying parties of such a sign-in read."""


def _response(issuer: str, destination: str, request_id: str, id_: str, now_ms: int) -> Node:
    return make(
        "samlp:Response",
        {
            "ID": id_,
            "Version": "2.0",
            "IssueInstant": instant(now_ms),
            "Destination": destination,
            "InResponseTo": request_id or None,
        },
        make("saml:Issuer", None, issuer),
    )


def _status(top: Status, second: Status | None, sentence: str) -> Node:
    below = make("samlp:StatusCode", {"Value": second.value}) if second is not None else None
    return make(
        "samlp:Status",
        None,
        make("samlp:StatusCode", {"Value": top.value}, below),
        make("samlp:StatusMessage", None, sentence) if sentence else None,
    )
