"""Access tokens that are out end at our own API with what they hang on, within seconds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from heliostat.cloudstore.contract import StoreUnavailable
from heliostat.core.errors import HeliostatError
from heliostat.identity.clients.named import NAMELESS
from heliostat.identity.clients.records import Client, Grant
from heliostat.identity.directory.records import User
from heliostat.identity.service_accounts.records import AccountKey
from heliostat.identity.site import Identity
from heliostat.identity.tokens.holds import Hold, stamped, why_barred, why_ended
from heliostat.identity.tokens.opened import unverified
from heliostat.identity.tokens.records import Session
from heliostat.identity.tokens.token_messages import TokenRequest
from heliostat.identity.tokens.verify import LOOKED_S
from heliostat.testing.faulty import FaultyStore
from heliostat.testing.robot import Robot
from heliostat.testing.signin import (
    FOR_THE_API,
    OTHER_PASSWORD,
    PASSWORD,
    SCOPE,
    IdentityKit,
    ask,
    code_of,
    new_key_pair,
    refresh,
    sign_in,
)

WITHOUT_SESSION = "openid rs_esxcloud at_groups"
Ending = Callable[[IdentityKit, str], Awaitable[object]]


async def new_password(kit: IdentityKit, _token: str) -> None:
    await kit.identity.directory.set_password("ada", OTHER_PASSWORD)


async def own_password(kit: IdentityKit, _token: str) -> None:
    await kit.identity.directory.change_password("ada", PASSWORD, OTHER_PASSWORD)


async def disabled(kit: IdentityKit, _token: str) -> None:
    await kit.identity.directory.set_disabled("ada", True)


async def disabled_for_a_moment(kit: IdentityKit, _token: str) -> None:
    await kit.identity.directory.set_disabled("ada", True)
    await kit.identity.directory.set_disabled("ada", False)


async def deleted(kit: IdentityKit, _token: str) -> None:
    await kit.identity.directory.delete_user("ada")


async def session_ended(kit: IdentityKit, token: str) -> None:
    await kit.identity.realms.system.signed_in.end_session(unverified(token)[1]["sid"])


async def revoked(kit: IdentityKit, token: str) -> None:
    realm = kit.identity.realms.system
    stored = await realm.directory.kinds.clients.get(kit.store, NAMELESS)
    assert stored is not None
    await realm.standing.revoke(token, stored.value)


OF_THE_PERSON = [new_password, own_password, disabled, disabled_for_a_moment, deleted]
OF_THE_SESSION = [session_ended, revoked]


@pytest.mark.parametrize(
    ("ending", "scope"),
    [
        *((each, scope) for each in OF_THE_PERSON for scope in (SCOPE, WITHOUT_SESSION)),
        *((each, SCOPE) for each in OF_THE_SESSION),
    ],
)
async def test_a_token_ends_with_what_it_hangs_on(
    kit: IdentityKit, ending: Ending, scope: str
) -> None:
    await kit.identity.directory.create_user("ada", PASSWORD)
    seen, unseen = [
        (await sign_in(kit, username="ada", password=PASSWORD, scope=scope)).access_token
        for _ in range(2)
    ]
    assert ("sid" in unverified(seen)[1]) is (scope == SCOPE)
    await kit.identity.verify(seen)
    await ending(kit, seen)
    if ending in OF_THE_PERSON:
        assert await code_of(kit.identity.verify(unseen)) == "InvalidAuthToken"
    await kit.clock.advance(LOOKED_S)
    for _ in range(2):
        assert await code_of(kit.identity.verify(seen)) == "InvalidAuthToken"


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("scope", [SCOPE, WITHOUT_SESSION])
async def test_a_token_ends_with_the_program_that_has_it(
    kit: IdentityKit, scope: str, again: bool
) -> None:
    directory, back = kit.identity.directory, ["https://shop.example/"]
    await directory.create_client("shop", back, FOR_THE_API)
    await directory.allow_password_grant("shop", True)
    seen, unseen = [(await sign_in(kit, "shop", scope=scope)).access_token for _ in range(2)]
    assert (await kit.identity.verify(seen)).is_system_admin
    await directory.delete_client("shop")
    if again:
        await kit.clock.advance(1)
        await directory.create_client("shop", back, FOR_THE_API)
    assert await code_of(kit.identity.verify(unseen)) == "InvalidAuthToken"
    await kit.clock.advance(LOOKED_S)
    assert await code_of(kit.identity.verify(seen)) == "InvalidAuthToken"


async def test_another_session_of_the_same_person_goes_on(kit: IdentityKit) -> None:
    mine, other = await sign_in(kit), await sign_in(kit)
    for each in (mine, other):
        await kit.identity.verify(each.access_token)
    await session_ended(kit, mine.access_token)
    await kit.clock.advance(LOOKED_S)
    assert await code_of(kit.identity.verify(mine.access_token)) == "InvalidAuthToken"
    await kit.identity.verify(other.access_token)
    renewed = await refresh(kit, other.refresh_token)
    await kit.identity.verify(renewed.access_token)


async def test_who_signs_in_anew_is_let_in_at_once(kit: IdentityKit) -> None:
    await kit.identity.directory.create_user("ada", PASSWORD)
    await own_password(kit, "")
    for scope in (SCOPE, WITHOUT_SESSION):
        new = await sign_in(kit, username="ada", password=OTHER_PASSWORD, scope=scope)
        assert (await kit.identity.verify(new.access_token)).subject == "ada@heliostat.local"


async def test_a_token_of_a_deleted_tenant_counts_no_longer_than_others(kit: IdentityKit) -> None:
    made = await kit.identity.tenants.create_tenant("acme.example")
    realm = await kit.identity.realms.get("acme.example")
    asked = {"grant_type": "password", "username": made.administrator, "scope": SCOPE}
    given = await realm.grants.answer(TokenRequest(**asked, password=made.password))
    await kit.identity.verify(given.access_token)
    await kit.identity.tenants.delete_tenant("acme.example")
    await kit.clock.advance(LOOKED_S)
    assert await code_of(kit.identity.verify(given.access_token)) == "InvalidAuthToken"


async def test_a_token_just_seen_reads_nothing(kit: IdentityKit, tmp_path: Path) -> None:
    """Cut off from its store, a controller still knows tokens until it has to look again."""
    view = FaultyStore(kit.store)
    folder = tmp_path / "authority"
    other = Identity(view, kit.clock, kit.ids, kit.identity.options, authority_folder=folder)
    token = (await sign_in(kit)).access_token
    await other.verify(token)
    view.cut = True
    await kit.clock.advance(LOOKED_S - 1)
    assert (await other.verify(token)).is_system_admin
    await kit.clock.advance(1)
    with pytest.raises(StoreUnavailable):
        await other.verify(token)
    view.cut = False
    await other.verify(token)
    other.close()


async def test_a_key_that_is_taken_away_takes_its_tokens_along(kit: IdentityKit) -> None:
    """Those of the key that came in its place go on: a key is changed without a gap."""
    directory, standing = kit.identity.directory, kit.identity.realms.system.standing
    (old_private, old_public), (new_private, new_public) = new_key_pair(), new_key_pair()
    account = await directory.create_service_account("ci", old_public)
    old, new = Robot(kit, old_private), Robot(kit, new_private)
    await directory.add_account_key("ci", new_public)
    lost = (await old.sign_in(old.assertion())).access_token
    good = (await new.sign_in(new.assertion())).access_token
    await kit.identity.verify(lost)
    await directory.remove_account_key("ci", account.keys[0].kid)
    await kit.clock.advance(LOOKED_S)
    with pytest.raises(HeliostatError, match="taken away"):
        await kit.identity.verify(lost)
    assert (await kit.identity.verify(good)).subject == "ci@heliostat.local"
    assert await standing.introspect(lost) == {"active": False}
    assert (await standing.introspect(good))["active"]


async def test_introspection_knows_of_tokens_without_a_session(kit: IdentityKit) -> None:
    await kit.identity.directory.create_user("ada", PASSWORD)
    form = {"username": "ada", "password": PASSWORD, "scope": WITHOUT_SESSION}
    token = (await ask(kit, grant_type="password", **form)).access_token
    standing = kit.identity.realms.system.standing
    assert (await standing.introspect(token))["active"]
    await new_password(kit, token)
    assert await standing.introspect(token) == {"active": False}


ADA = User(name="ada", stamp="s1", password_hash="", created_ms=10_000)
OPEN = Session(
    id="i", user="ada", stamp="s1", client="c", scope="", current="", begun_ms=0, expires_ms=0
)
ROBOT = Client(name="ci", grants=(Grant.CLIENT_CREDENTIALS,), public_key_pem="x", created_ms=10_000)
KEYED = msgspec.structs.replace(
    ROBOT,
    public_key_pem="",
    account=True,
    keys=(AccountKey(kid="k1", public_pem="x", algorithm="ES256"),),
)
HELD = Hold("ada@heliostat.local", 10.0)


@pytest.mark.parametrize(
    ("hold", "session", "about", "word"),
    [
        (HELD, None, ADA, ""),  # of before tokens said their stamp
        (HELD._replace(stamp=stamped("s1")), None, ADA, ""),
        (HELD._replace(stamp=stamped("s0")), None, ADA, "change"),
        (HELD, OPEN, ADA, ""),
        (HELD, msgspec.structs.replace(OPEN, stamp="s0"), ADA, "change"),
        (HELD, OPEN, msgspec.structs.replace(ADA, disabled=True), "signs in"),
        (HELD._replace(given_s=9.0), None, ADA, "signs in"),
        (HELD, None, None, "signs in"),
        (HELD, None, ROBOT, ""),
        (HELD._replace(given_s=9.0), None, ROBOT, "signs in"),
        (HELD, None, msgspec.structs.replace(ROBOT, public_key_pem=""), "signs in"),
        (HELD._replace(stamp=stamped("k1")), None, KEYED, ""),
        (HELD._replace(stamp=stamped("k2")), None, KEYED, "taken away"),
    ],
)
def test_why_a_token_counts_no_longer(
    hold: Hold, session: Session | None, about: User | Client | None, word: str
) -> None:
    why = why_ended(hold, session, about)
    assert bool(why) is bool(word)
    assert word in why


@pytest.mark.parametrize(
    ("program", "counts"),
    [
        (ROBOT, True),
        (None, False),
        (msgspec.structs.replace(ROBOT, disabled=True), False),
        (msgspec.structs.replace(ROBOT, created_ms=11_000), False),
    ],
)
def test_why_a_program_has_no_use_of_a_token(program: Client | None, counts: bool) -> None:
    assert (why_barred(HELD._replace(client="ci"), program) == "") is counts
