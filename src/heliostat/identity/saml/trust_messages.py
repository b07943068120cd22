"""WS-Trust 1.3 over SOAP 1.1: what a program asks the security token service, and how it is told.

Pure.  Faults are those of the standard (WS-Trust, 11), by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lxml import etree

from heliostat.core.errors import HeliostatError
from heliostat.identity.saml import vocabulary as words
from heliostat.identity.saml.markup import (
    Node,
    instant,
    instant_ms,
    make,
    name,
    one,
    only,
    parse,
    refused,
    text_of,
    written,
)

TOKEN_TYPES = (
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0",
    words.SAML,
)
BEARER_KEY = f"{words.WS_TRUST}/Bearer"
STATUS_TYPE = f"{words.WS_TRUST}/RSTR/Status"
_PLAIN = (
    "http://docs.oasis-open.org/wss/2004/01/"
    "oasis-200401-wss-username-token-profile-1.0#PasswordText"
)
OLDEST_MS = 5 * 60_000
TOLERANCE_MS = 3 * 60_000


class Verb(StrEnum):
    """What can be asked for."""

    ISSUE = f"{words.WS_TRUST}/Issue"
    VALIDATE = f"{words.WS_TRUST}/Validate"


@dataclass(frozen=True, slots=True)
class TrustRequest:
    """A request; ``target`` is what is to be validated."""

    verb: Verb
    message_id: str
    context: str
    username: str
    password: str
    applies_to: str
    until_ms: int
    target: Node | None


_FAULTS = {
    "InvalidLoginCredentials": "FailedAuthentication",
    "SecondFactorRequired": "FailedAuthentication",
    "PasswordExpired": "FailedAuthentication",
    "PasswordChangeNeeded": "FailedAuthentication",
    "AccessForbidden": "RequestFailed",
    "ServiceProviderNotFound": "InvalidScope",
    "NotConfigured": "RequestFailed",
    "TooManyRequests": "RequestFailed",
}
_ACTIONS = {
    Verb.ISSUE: f"{words.WS_TRUST}/RSTRC/IssueFinal",
    Verb.VALIDATE: f"{words.WS_TRUST}/RSTR/ValidateFinal",
}


def trust_request(data: bytes, now_ms: int) -> TrustRequest:
    """What an envelope asks for; raises ``InvalidSamlMessage``."""
    envelope = parse(data)
    if envelope.tag != name("soap:Envelope"):
        raise refused("it is no SOAP 1.1 envelope")
    header, body = only(envelope, "soap:Header"), one(envelope, "soap:Body")
    asked = one(body, "wst:RequestSecurityToken")
    verb = text_of(one(asked, "wst:RequestType"))
    if verb not in set(Verb):
        raise refused(f"{verb[:80]!r} is neither Issue nor Validate")
    token_type = text_of(only(asked, "wst:TokenType"))
    if verb == Verb.ISSUE and token_type not in ("", *TOKEN_TYPES):
        raise refused(f"{token_type[:80]!r} is not issued: ask for SAML 2.0")
    if text_of(only(asked, "wst:KeyType")) not in ("", BEARER_KEY):
        raise refused("only bearer tokens are issued")
    security = only(header, "wsse:Security") if header is not None else None
    username, password = _credentials(security, now_ms)
    target = only(asked, "wst:ValidateTarget")
    return TrustRequest(
        verb=Verb(verb),
        message_id=text_of(only(header, "wsa:MessageID"))[:256] if header is not None else "",
        context=(asked.get("Context") or "")[:256],
        username=username,
        password=password,
        applies_to=_address(only(asked, "wsp:AppliesTo")),
        until_ms=_until(only(asked, "wst:Lifetime")),
        target=next(iter(target), None) if target is not None else None,
    )


def issued(
    asked: TrustRequest, assertion: Node, token_type: str, now_ms: int, until_ms: int
) -> bytes:
    """The answer with an assertion."""
    address = make("wsa:Address", None, asked.applies_to)
    response = make(
        "wst:RequestSecurityTokenResponse",
        {"Context": asked.context or None},
        make("wst:TokenType", None, token_type),
        make("wst:RequestedSecurityToken", None, assertion),
        make("wsp:AppliesTo", None, make("wsa:EndpointReference", None, address)),
        make(
            "wst:Lifetime",
            None,
            make("wsu:Created", None, instant(now_ms)),
            make("wsu:Expires", None, instant(until_ms)),
        ),
        make("wst:KeyType", None, BEARER_KEY),
    )
    return _envelope(asked, make("wst:RequestSecurityTokenResponseCollection", None, response))


def validated(asked: TrustRequest, valid: bool, reason: str) -> bytes:
    """The answer about an assertion."""
    word = "valid" if valid else "invalid"
    status = make(
        "wst:Status",
        None,
        make("wst:Code", None, f"{words.WS_TRUST}/status/{word}"),
        make("wst:Reason", None, reason),
    )
    return _envelope(
        asked,
        make(
            "wst:RequestSecurityTokenResponse",
            {"Context": asked.context or None},
            make("wst:TokenType", None, STATUS_TYPE),
            status,
        ),
    )


def fault(error: HeliostatError) -> bytes:
    """The standard's fault for one of our errors."""
    local = _FAULTS.get(error.code, "InvalidRequest")
    # the code is a qualified name, so its prefix has to be declared
    envelope = etree.Element(
        name("soap:Envelope"), nsmap={"soap": words.SOAP, "wst": words.WS_TRUST}
    )
    inside = etree.SubElement(etree.SubElement(envelope, name("soap:Body")), name("soap:Fault"))
    etree.SubElement(inside, "faultcode").text = f"wst:{local}"
    etree.SubElement(inside, "faultstring").text = error.message
    return written(envelope)


def _envelope(asked: TrustRequest, inside: Node) -> bytes:
    relates = make("wsa:RelatesTo", None, asked.message_id) if asked.message_id else None
    action = make("wsa:Action", None, _ACTIONS[asked.verb])
    return written(
        make(
            "soap:Envelope",
            None,
            make("soap:Header", None, action, relates),
            make("soap:Body", None, inside),
        )
    )


def _credentials(security: Node | None, now_ms: int) -> tuple[str, str]:
    if security is None:
        return "", ""
    stamp = only(security, "wsu:Timestamp")
    if stamp is not None:
        _check_stamp(stamp, now_ms)
    named = only(security, "wsse:UsernameToken")
    if named is None:
        return "", ""
    password = one(named, "wsse:Password")
    if password.get("Type") not in (None, _PLAIN):
        raise refused("a password comes as text: what is kept of it matches no digest")
    # not trimmed: blanks may be part of a password
    return text_of(one(named, "wsse:Username")), password.text or ""


def _check_stamp(stamp: Node, now_ms: int) -> None:
    created, expires = only(stamp, "wsu:Created"), only(stamp, "wsu:Expires")
    if created is not None:
        at_ms = instant_ms(text_of(created))
        if not now_ms - OLDEST_MS - TOLERANCE_MS < at_ms < now_ms + TOLERANCE_MS:
            raise refused("its time stamp is of another time: look at the clocks")
    if expires is not None and instant_ms(text_of(expires)) + TOLERANCE_MS <= now_ms:
        raise refused("it has expired")


def _address(applies_to: Node | None) -> str:
    if applies_to is None:
        return ""
    reference = one(applies_to, "wsa:EndpointReference")
    return text_of(one(reference, "wsa:Address"))[:1024]


def _until(lifetime: Node | None) -> int:
    expires = only(lifetime, "wsu:Expires") if lifetime is not None else None
    return instant_ms(text_of(expires)) if expires is not None else 0
