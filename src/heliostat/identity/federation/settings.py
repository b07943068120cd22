"""From what an administrator gives to a provider, checked field by field.

Secrets are sealed for the provider's id, so they are read again only there.  What a provider of
another kind has is refused rather than kept unread.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.identity.federation.authentication import key_of, place
from heliostat.identity.federation.depth import INNERMOST
from heliostat.identity.federation.newcomers import group_of_rule
from heliostat.identity.federation.outbound import Outbound
from heliostat.identity.federation.records import (
    ClaimMap,
    GroupRule,
    OidcSettings,
    Provider,
    ProviderKind,
    SamlSettings,
)
from heliostat.identity.names import fold
from heliostat.identity.options import IdentityOptions
from heliostat.identity.sealing import Sealing
from heliostat.identity.tenant import checked_domain

LONGEST = 200
MOST = 200
"""Rules, scopes or domains of one provider."""
SAML_CLAIMS = ClaimMap(
    name="uid", given_name="givenName", family_name="sn", email="mail", groups="groups"
)
"""What SAML providers call things, by friendly name; others are called by their whole name."""
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,100}")
_OIDC = ("issuer", "client_id", "scopes", "client_secret", "private_key_pem", "trusted_roots_pem")


class ProviderSettings:
    """Reads settings for one tenant."""

    def __init__(self, options: IdentityOptions, sealing: Sealing, outbound: Outbound) -> None:
        self._options = options
        self._sealing = sealing
        self._outbound = outbound

    def made(
        self, name: str, kind: str, fields: Mapping[str, Any], id_: str, now_ms: int
    ) -> Provider:
        """A new provider; raises ``InvalidEntity``, ``AddressRefused``."""
        if kind not in set(ProviderKind):
            raise _refused("kind", f"{kind[:20]!r} is none of {', '.join(ProviderKind)}")
        bare = Provider(id=id_, name=name, kind=ProviderKind(kind), title=name, created_ms=now_ms)
        if bare.kind is ProviderKind.SAML:
            bare = msgspec.structs.replace(bare, claims=SAML_CLAIMS)
        return self.changed(bare, fields)

    def changed(self, provider: Provider, fields: Mapping[str, Any]) -> Provider:
        """``provider`` with what ``fields`` name; raises ``InvalidEntity``."""
        plain: dict[str, Any] = {
            name: fields[name]
            for name in ("make_users", "trust_second_factor", "disabled")
            if name in fields
        }
        if "title" in fields:
            plain["title"] = _line("title", fields["title"]) or provider.name
        if "email_domains" in fields:
            plain["email_domains"] = tuple(map(checked_domain, _some(fields, "email_domains")))
        if "claims" in fields:
            plain["claims"] = _claims(provider.claims, fields["claims"])
        if "groups" in fields:
            plain["groups"] = tuple(map(self._rule, _some(fields, "groups")))
        if provider.kind is ProviderKind.OIDC:
            plain["oidc"] = self._oidc(provider, fields)
        elif any(name in fields for name in _OIDC):
            raise _refused("issuer", "only an OpenID provider has one")
        if provider.kind is ProviderKind.SAML:
            plain["saml"] = _saml(provider, fields)
        elif "metadata" in fields:
            raise _refused("metadata", "only a SAML provider has it")
        return msgspec.structs.replace(provider, **plain)

    def _oidc(self, provider: Provider, fields: Mapping[str, Any]) -> OidcSettings:
        before = provider.oidc or OidcSettings(issuer="", client_id="")
        changed: dict[str, Any] = {}
        if "issuer" in fields:
            changed["issuer"] = self._issuer(str(fields["issuer"]))
        if "client_id" in fields:
            changed["client_id"] = _line("client_id", fields["client_id"])
        if "scopes" in fields:
            changed["scopes"] = _scopes(_some(fields, "scopes"))
        if "client_secret" in fields:
            changed["secret"] = self._sealed(provider, "secret", str(fields["client_secret"]))
        if "private_key_pem" in fields:
            changed["private_key"] = self._key(provider, str(fields["private_key_pem"]))
        if "trusted_roots_pem" in fields:
            changed["ca_pem"] = _roots(str(fields["trusted_roots_pem"]))
        settings = msgspec.structs.replace(before, **changed)
        kept = before.secret and "client_secret" not in fields
        if kept and settings.issuer != before.issuer:
            raise _refused("client_secret", "another issuer is not told the secret of this one")
        for name in ("issuer", "client_id"):
            if not getattr(settings, name):
                raise _refused(
                    name,
                    "an OpenID provider needs one",
                    "Name its issuer and what we are called there; for SAML, its metadata.",
                )
        return settings

    def _issuer(self, issuer: str) -> str:
        why = self._outbound.fault(issuer, INNERMOST)
        if why:
            raise _refused("issuer", why)
        self._outbound.gate.check(urlsplit(issuer).hostname or "")
        return issuer

    def _sealed(self, provider: Provider, what: str, secret: str) -> str:
        if not secret:
            return ""
        if len(secret) > LONGEST * 20:
            raise _refused(what, "it is too long")
        where = place(self._options.tenant, provider.id, what)
        return self._sealing.seal(secret.encode(), where)

    def _key(self, provider: Provider, pem: str) -> str:
        try:
            if pem:
                key_of(pem.encode())
        except (ValueError, TypeError) as error:
            raise _refused("private_key_pem", "it is no P-256 or RSA key as PEM") from error
        return self._sealed(provider, "private-key", pem)

    def _rule(self, rule: Mapping[str, str]) -> GroupRule:
        value = _line("groups", rule.get("value", ""))
        if not value:
            raise _refused("groups", "a rule needs a value")
        return GroupRule(
            value=value, group=group_of_rule(rule.get("group", ""), self._options.domain)
        )


def _saml(provider: Provider, fields: Mapping[str, Any]) -> SamlSettings:
    """What is kept of a SAML provider: the metadata that describes it, read once to be sure."""
    if "metadata" not in fields:
        if provider.saml is None:
            raise _refused("metadata", "a SAML provider needs the XML that describes it")
        return provider.saml
    from heliostat.identity.saml.provider_metadata import identity_provider  # lxml only now

    text = str(fields["metadata"])
    described = identity_provider(text, provider.created_ms)
    if not described.sign_ons or not described.signing:
        raise _refused("metadata", "it names no address to sign in at, or no key")
    return SamlSettings(entity_id=described.entity_id, metadata=text)


def _claims(before: ClaimMap, given: Mapping[str, str]) -> ClaimMap:
    unknown = sorted(given.keys() - set(ClaimMap.__struct_fields__))
    if unknown:
        known = ", ".join(ClaimMap.__struct_fields__)
        raise _refused("claims", f"{unknown[0][:40]!r} is none of {known}")
    return msgspec.structs.replace(before, **{n: _line("claims", v) for n, v in given.items()})


def _scopes(given: Iterable[object]) -> tuple[str, ...]:
    scopes = tuple(dict.fromkeys(["openid", *map(str, given)]))
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise _refused("scopes", f"{scope[:40]!r} is no scope")
    return scopes


def _roots(pem: str) -> str:
    try:
        if pem:
            ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        raise _refused("trusted_roots_pem", "it holds no certificate as PEM") from error
    return pem


def _some(fields: Mapping[str, Any], name: str) -> list[Any]:
    values = list(fields[name])
    if len(values) > MOST:
        raise _refused(name, f"there are more than {MOST}")
    return values


def _line(field: str, text: object) -> str:
    line = str(text).strip()
    if len(line) > LONGEST or not line.isprintable():
        raise _refused(field, f"it is longer than {LONGEST} characters, or has odd ones")
    return line


def _refused(field: str, why: str, hint: str | None = None) -> PermanentError:
    spelled = fold(field)
    sentence = f"{spelled}: {why}."
    return PermanentError("InvalidEntity", sentence, hint=hint, data={"field": spelled})
