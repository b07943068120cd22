"""Service providers are registered by metadata or by fields; what makes no sense is refused."""

from __future__ import annotations

from typing import Any

import pytest

from heliostat.identity.directory.contract.people import Person
from heliostat.identity.saml import told
from heliostat.identity.saml.contexts import satisfied, wants_second_factor
from heliostat.identity.saml.records import ServiceProvider
from heliostat.identity.saml.vocabulary import AuthnContext, NameIdFormat
from heliostat.testing.saml import TestProvider, pair_of
from heliostat.testing.signin import IdentityKit, code_of
from heliostat.wire.service_providers import ServiceProviderCreateSpec, ServiceProviderUpdateSpec

DOMAIN = "heliostat.local"


def described(role: str = "", **attributes: str) -> str:
    """Metadata as programs write it, with a comment and a second binding."""
    given = {
        "entityID": "https://crm.test/md",
        "xmlns": "urn:oasis:names:tc:SAML:2.0:metadata",
        "xmlns:ds": "http://www.w3.org/2000/09/xmldsig#",
        **attributes,
    }
    head = " ".join(f'{name}="{value}"' for name, value in given.items())
    binding = "urn:oasis:names:tc:SAML:2.0:bindings"
    role = role or (
        '<SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" '
        'AuthnRequestsSigned="true"><KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>\n'
        f"{pair_of('sp').base64}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>"
        f'<SingleLogoutService Binding="{binding}:SOAP" Location="https://crm.test/soap"/>'
        f'<SingleLogoutService Binding="{binding}:HTTP-POST" Location="https://crm.test/slo"/>'
        "<NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</NameIDFormat>"
        f'<AssertionConsumerService index="1" Binding="{binding}:HTTP-Artifact" '
        'Location="https://crm.test/artifact"/>'
        f'<AssertionConsumerService index="2" isDefault="true" Binding="{binding}:HTTP-POST" '
        'Location="https://crm.test/acs"/></SPSSODescriptor>'
    )
    return f"<?xml version='1.0'?><EntityDescriptor {head}><!-- ours -->{role}</EntityDescriptor>"


async def providers(kit: IdentityKit) -> Any:
    return (await kit.identity.directories.saml(DOMAIN)).providers


async def test_metadata_says_everything_but_what_is_told(kit: IdentityKit) -> None:
    kept = await providers(kit)
    spec = ServiceProviderCreateSpec(name="CRM", metadata=described())
    planned = await kept.create(spec, plan=True)
    assert await kept.list() == []
    made = await kept.create(spec)
    assert made == planned
    assert (made.name, made.entity_id) == ("crm", "https://crm.test/md")
    assert [each.location for each in made.consumers] == ["https://crm.test/acs"]
    assert [each.location for each in made.logouts] == ["https://crm.test/slo"]
    assert made.wants_signed_requests
    assert made.name_id is NameIdFormat.EMAIL
    assert made.attributes == ()
    assert len(made.fingerprints) == 1
    assert await kept.of_entity("https://crm.test/md") == made
    more = ServiceProviderUpdateSpec(
        attributes=["groups", "mail"], name_id_format="persistent", encrypt=True
    )
    changed = await kept.update("crm", more)
    assert changed.attributes == ("mail", "groups")
    again = ServiceProviderUpdateSpec(metadata=described(entityID="https://crm.test/2"))
    moved = await kept.update("crm", again)
    assert moved.entity_id == "https://crm.test/2"
    assert (moved.attributes, moved.name_id, moved.encrypts) == (
        changed.attributes,
        NameIdFormat.PERSISTENT,
        True,
    )
    assert await code_of(kept.of_entity("https://crm.test/md")) == "ServiceProviderNotFound"
    await kept.delete("crm")
    assert await code_of(kept.get("crm")) == "ServiceProviderNotFound"


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ("", "no XML"),
        ("<x/>", "0 entities"),
        (described(role="<SPSSODescriptor/>"), "does not speak SAML 2.0"),
        (described(role="<IDPSSODescriptor/>"), "0 entities"),
        (described(entityID=""), "no name"),
        (described(validUntil="2001-01-01T00:00:00Z"), "was valid until"),
        (described(validUntil="soon"), "no time"),
        (described().replace("https://crm.test/acs", "http://crm.test/acs"), "without TLS"),
        (described().replace("https://crm.test/acs", "javascript:alert(1)"), "no address"),
        (described().replace('index="2"', 'index="two"'), "no number"),
        (described().replace(pair_of("sp").base64, "AAAA"), "can't be read"),
        (described().replace("HTTP-POST", "PAOS"), "needs an address"),
        (described().replace("ours", "x" * 1_100_000), "bytes"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>" + described(), "document type"),
    ],
)
async def test_metadata_that_can_not_be_gone_by_is_refused(
    kit: IdentityKit, metadata: str, why: str
) -> None:
    kept = await providers(kit)
    with pytest.raises(Exception, match=why) as caught:
        await kept.create(ServiceProviderCreateSpec(name="crm", metadata=metadata))
    assert caught.value.code == "InvalidEntity"  # type: ignore[attr-defined]


async def test_fields_have_to_go_together(kit: IdentityKit) -> None:
    kept = await providers(kit)
    sp = TestProvider()
    await kept.create(sp.spec())
    refused: list[tuple[dict[str, Any], str]] = [
        ({"name": "sp"}, "NameTaken"),
        ({"name": "other"}, "NameTaken"),  # the entity id is taken
        ({"name": "no name"}, "InvalidName"),
        ({"name": "b", "entity_id": "a b"}, "InvalidEntity"),
        ({"name": "b", "entity_id": "urn:b", "acs_urls": []}, "InvalidEntity"),
        ({"name": "b", "entity_id": "urn:b", "attributes": ["password"]}, "InvalidEntity"),
        ({"name": "b", "entity_id": "urn:b", "name_id_format": "x509"}, "InvalidEntity"),
        ({"name": "b", "entity_id": "urn:b", "certificates": ["x"]}, "InvalidEntity"),
        ({"name": "b", "entity_id": "urn:b", "signs": "nothing"}, "InvalidEntity"),
        (
            {"name": "b", "entity_id": "urn:b", "certificates": [], "signed_requests": True},
            "InvalidEntity",
        ),
    ]
    for fields, code in refused:
        assert await code_of(kept.create(sp.spec(**fields))) == code, fields
    await kept.create(sp.spec(name="b", entity_id="urn:b"))
    clash = ServiceProviderUpdateSpec(entity_id=sp.entity_id)
    assert await code_of(kept.update("b", clash)) == "NameTaken"
    assert await code_of(kept.update("../b", clash)) == "ServiceProviderNotFound"
    assert [each.name for each in await kept.list()] == ["b", "sp"]


PASSWORD, PROTECTED, TICKET, TWO = (
    AuthnContext.PASSWORD,
    AuthnContext.PROTECTED_PASSWORD,
    AuthnContext.KERBEROS,
    AuthnContext.MULTI_FACTOR,
)


@pytest.mark.parametrize(
    ("methods", "asked", "comparison", "granted"),
    [
        (("pwd",), (), "exact", PROTECTED),
        (("pwd",), (PROTECTED,), "exact", PROTECTED),
        (("pwd",), (PASSWORD,), "exact", PASSWORD),
        (("pwd",), (TWO,), "exact", None),
        (("pwd",), (TWO, PASSWORD), "exact", PASSWORD),
        (("pwd", "otp", "mfa"), (PROTECTED,), "exact", PROTECTED),
        (("pwd", "otp", "mfa"), (TWO,), "exact", TWO),
        (("pwd", "otp", "mfa"), (PASSWORD,), "minimum", TWO),
        (("pwd", "otp", "mfa"), (PROTECTED,), "maximum", None),
        (("pwd",), (PASSWORD,), "better", PROTECTED),
        (("pwd",), (PROTECTED,), "better", None),
        (("pwd",), ("urn:other",), "minimum", None),
        (("kerberos",), (TICKET,), "exact", TICKET),
        (("kerberos",), (PASSWORD,), "exact", None),
        (("hwk", "pin", "user", "mfa"), (PASSWORD,), "exact", None),
        (("fed",), (PASSWORD,), "exact", None),
        (("fed",), (), "exact", AuthnContext.UNSPECIFIED),
        (("hwk", "user"), (), "exact", AuthnContext.UNSPECIFIED),
    ],
)
def test_a_context_is_what_was_done(
    methods: tuple[str, ...], asked: tuple[str, ...], comparison: str, granted: str | None
) -> None:
    assert satisfied(methods, asked, comparison) == granted


@pytest.mark.parametrize(
    ("asked", "comparison", "wanted"),
    [
        ((), "exact", False),
        ((TWO,), "exact", True),
        ((TWO,), "minimum", True),
        ((TWO, PASSWORD), "exact", False),
        ((PROTECTED,), "better", True),
        ((TWO,), "better", False),
        ((TICKET,), "exact", False),
    ],
)
def test_a_second_factor_is_asked_for_where_nothing_less_does(
    asked: tuple[str, ...], comparison: str, wanted: bool
) -> None:
    assert wants_second_factor(asked, comparison) is wanted


@pytest.mark.parametrize(
    ("registered", "groups", "let_in"),
    [
        ((), (), True),
        (("Readers",), (f"{DOMAIN}\\readers",), True),
        ((f"{DOMAIN.upper()}\\Readers",), (f"{DOMAIN}\\readers",), True),
        (("Readers",), ("CORP.EXAMPLE\\Readers",), False),
        (("CORP.EXAMPLE\\Readers",), (f"{DOMAIN}\\readers",), False),
        (("CORP.EXAMPLE\\Readers",), ("corp.example\\readers",), True),
    ],
)
def test_a_group_of_the_same_name_elsewhere_lets_nobody_in(
    registered: tuple[str, ...], groups: tuple[str, ...], let_in: bool
) -> None:
    provider = ServiceProvider(name="crm", entity_id="https://crm.test/md", groups=registered)
    person = Person(key="a", subject="a@corp.example", stamp="", groups=groups)
    assert told.let_in(person, provider, DOMAIN) == let_in
