"""People of other providers: made, found again, never taken for somebody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from heliostat.core.errors import PermanentError
from heliostat.identity.federation.outsiders import Outsider, called, outsider_of
from heliostat.identity.federation.records import ClaimMap, GroupRule, Provider, ProviderKind
from heliostat.identity.realm import Realm
from heliostat.testing.signin import KINDS, PASSWORD, IdentityKit, code_of, sign_in

ISSUER = "https://login.corp.example"
ADA = Outsider(ISSUER, "00u1", "ada.l@corp.example", "Ada", "L", "ada.l@corp.example", True)


async def corp(kit: IdentityKit, **changes: object) -> tuple[Realm, Provider]:
    def made(id_: str, now_ms: int) -> Provider:
        fields = {"kind": ProviderKind.OIDC, "title": "Corp", **changes}
        return Provider(id=id_, name="corp", created_ms=now_ms, **fields)  # type: ignore[arg-type]

    realm = kit.identity.realms.system
    return realm, (await realm.providers.create("corp", made)).provider


async def test_somebody_new_is_made_and_found_again(kit: IdentityKit) -> None:
    realm, provider = await corp(kit)
    first = await realm.newcomers.admit(provider, ADA)
    assert (first.subject, first.given_name) == ("ada.l@heliostat.local", "Ada")
    renamed = Outsider(ISSUER, "00u1", "someone.else", "Augusta", "King", "a@corp.example")
    again = await realm.newcomers.admit(provider, renamed)
    assert (again.subject, again.given_name, again.email) == (
        first.subject, "Augusta", "a@corp.example",
    )  # fmt: skip
    assert [(e.user, e.subject) for e in await realm.providers.links("corp")] == [("ada.l", "00u1")]
    for guess in ("", "Aa1-", PASSWORD):
        attempt = sign_in(kit, username="ada.l", password=guess)
        assert await code_of(attempt) == "InvalidLoginCredentials"


async def test_a_name_or_an_address_takes_nobody_over(kit: IdentityKit) -> None:
    realm, provider = await corp(kit)
    await realm.directory.create_user("ada.l", PASSWORD, email=ADA.email)
    person = await realm.newcomers.admit(provider, ADA)
    assert person.key == "ada.l-corp"
    root = Outsider(ISSUER, "00u2", "Administrator")
    assert (await realm.newcomers.admit(provider, root)).key == "administrator-corp"
    other = Outsider("https://other.example", "00u1", "ada.l")
    assert (await realm.newcomers.admit(provider, other)).key not in ("ada.l", "ada.l-corp")
    await realm.directory.delete_user("ada.l-corp")
    assert await KINDS.federation.links.by_index(kit.store, "user", "ada.l-corp") == []
    await realm.directory.create_user("ada.l-corp", PASSWORD)
    assert (await realm.newcomers.admit(provider, ADA)).key not in ("ada.l", "ada.l-corp")


async def test_a_provider_of_the_same_name_is_another(kit: IdentityKit) -> None:
    realm, provider = await corp(kit)
    await realm.newcomers.admit(provider, ADA)
    view = await realm.providers.delete("corp", with_people=True)
    assert view.people == 1
    assert await realm.directory.find_user("ada.l") is None
    _, later = await corp(kit, make_users=False)
    with pytest.raises(PermanentError, match="nobody here is linked"):
        await realm.newcomers.admit(later, ADA)
    assert await KINDS.federation.links.all(kit.store) == []


async def test_groups_follow_at_each_sign_in(kit: IdentityKit) -> None:
    rules = (
        GroupRule(value="eng-*", group="Engineers"),
        GroupRule(value="*", group="Guests"),
        GroupRule(value="x", group="Gone"),
    )
    realm, provider = await corp(kit, groups=rules)
    for name in ("Engineers", "Guests", "Own"):
        await realm.directory.create_group(name)
    told = Outsider(ISSUER, "1", "bob", groups=("eng-os", "x"))
    person = await realm.newcomers.admit(provider, told)
    assert person.groups == ("heliostat.local\\Engineers", "heliostat.local\\Guests")
    await realm.directory.add_member("Own", "bob")
    person = await realm.newcomers.admit(provider, Outsider(ISSUER, "1", "bob"))
    assert person.groups == ("heliostat.local\\Own",)


async def test_who_is_kept_out(kit: IdentityKit) -> None:
    realm, provider = await corp(kit, email_domains=("corp.example",))
    await realm.newcomers.admit(provider, ADA)
    for email, proven in (("ada@evil.example", True), ("ada@corp.example", False), ("", True)):
        with pytest.raises(PermanentError, match=r"proven address in corp\.example"):
            await realm.newcomers.admit(
                provider, Outsider(ISSUER, "2", "eve", email=email, email_verified=proven)
            )
    await realm.directory.set_disabled("ada.l", True)
    with pytest.raises(PermanentError, match="disabled here"):
        await realm.newcomers.admit(provider, ADA)


async def test_whoever_is_killed_before_the_link_leaves_nobody_behind(
    kit: IdentityKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    realm, provider = await corp(kit)
    create, made = realm.directory.create_user, []

    async def killed(name: str, password: str, **fields: Any) -> None:
        made.append(await create(name, password, **fields))
        raise ConnectionError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(realm.directory, "create_user", killed)
        with pytest.raises(ConnectionError):
            await realm.newcomers.admit(provider, ADA)
    other = Outsider(ISSUER, "00u9", "ada.l")  # of the same name, and somebody else
    assert (await realm.newcomers.admit(provider, other)).key == "ada.l-corp"
    mark = made[0].description
    for name in ("eve", "eve-corp"):
        await realm.directory.create_user(name, PASSWORD, description=mark)
    eve = Outsider(ISSUER, "00u7", "eve")  # a mark is of one name and one outsider
    assert (await realm.newcomers.admit(provider, eve)).key not in ("eve", "eve-corp")
    assert (await realm.newcomers.admit(provider, ADA)).key == "ada.l"
    assert (await realm.newcomers.admit(provider, ADA)).key == "ada.l"
    assert [e.user for e in await realm.providers.links("corp") if e.subject == "00u1"] == ["ada.l"]


async def test_a_provider_that_was_half_deleted_is_deleted_again(
    kit: IdentityKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    realm, provider = await corp(kit)
    await realm.newcomers.admit(provider, ADA)

    async def killed(_name: str) -> None:
        raise ConnectionError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(realm.directory, "delete_user", killed)
        with pytest.raises(ConnectionError):
            await realm.providers.delete("corp", with_people=True)
    assert await code_of(realm.providers.usable("corp")) == "ProviderNotFound"
    assert (await realm.providers.delete("corp", with_people=True, plan=True)).people == 1
    assert (await realm.providers.delete("corp", with_people=True)).people == 1
    assert await realm.directory.find_user("ada.l") is None
    assert await KINDS.federation.links.all(kit.store) == []
    assert await realm.providers.views() == []


async def test_two_windows_at_once_make_one_user(kit: IdentityKit) -> None:
    realm, provider = await corp(kit)
    both = await asyncio.gather(*(realm.newcomers.admit(provider, ADA) for _ in range(2)))
    assert both[0].key == both[1].key
    users = [each.value.name for each in await KINDS.directory.users.all(kit.store)]
    assert sorted(users) == ["ada.l", "administrator"]


def test_claims_of_any_shape_are_read() -> None:
    claims = {
        "sub": 7,
        "upn": "Bob\n",
        "realm_access": {"roles": ["a", 1, "b"]},
        "https://x/y": "z",
        "email": ["no"],
        "amr": ["pwd", "mfa"],
    }
    wanted = ClaimMap(name="upn", groups="realm_access.roles", given_name="https://x/y")
    told = outsider_of("i", claims, wanted)
    assert (told.subject, told.name, told.given_name, told.email) == ("7", "Bob", "z", "")
    assert (told.groups, told.two_factors) == (("a", "b"), True)
    assert outsider_of("i", {"sub": "1", "amr": "mfa", "groups": {}}, ClaimMap()).groups == ()


@pytest.mark.parametrize(
    ("name", "email", "subject", "is_called"),
    [
        ("Ada Lovelace", "", "1", "ada-lovelace"),
        ("", "ada@corp.example", "1", "ada"),
        ("", "", "00u9", "u-00u9"),
        ("李", "", "auth0|5f", "auth0-5f"),
        ("..", "", "--", "u-guest"),
        ("x" * 99, "", "1", "x" * 40),
    ],
)
def test_newcomers_get_names_that_fit(name: str, email: str, subject: str, is_called: str) -> None:
    assert called(Outsider("i", subject, name, email=email)) == is_called
