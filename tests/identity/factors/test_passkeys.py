"""Passkeys: enrolled, shown alone and after a password, and every answer that must not count."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import cbor2
import httpx
import pytest

from heliostat.core.errors import PermanentError
from heliostat.core.process import run_async
from heliostat.identity.factors.answers import bytes_of, text_of
from heliostat.identity.factors.binding import origins_of, site_of
from heliostat.identity.factors.passkeys import Passkeys
from heliostat.identity.options import IdentityOptions
from heliostat.identity.steps.passkey_script import script_text
from heliostat.identity.tokens.opened import unverified
from heliostat.testing.authenticator import (
    PRESENT,
    SYNCABLE,
    SYNCED,
    VERIFIED,
    Authenticator,
)
from heliostat.testing.browser import Browser, Page, answered, trade
from heliostat.testing.signin import IdentityKit

FORM = "a form of the test"


def options_in(page: httpx.Response) -> str:
    """What a page asks of the browser."""
    (found,) = re.findall(r'data-passkey="([^"]+)"', page.text)
    return unescape(found)


async def enrolled(kit: IdentityKit, device: Authenticator, user: str = "ada") -> Passkeys:
    realm = kit.identity.realms.system
    person = await realm.people.person(user)
    assert person is not None
    asked = await realm.passkeys.ask_new(person, FORM)
    await realm.passkeys.add(person, device.create(asked), FORM, "Laptop")
    return realm.passkeys


async def claims(browser: Browser, answer: httpx.Response) -> dict[str, object]:
    told = (await trade(browser, answered(answer)["code"])).json()
    return unverified(told["id_token"])[1]


async def test_a_passkey_signs_in_alone(kit: IdentityKit, browser: Browser) -> None:
    device = Authenticator(flags=PRESENT | VERIFIED | SYNCABLE | SYNCED)
    await enrolled(kit, device)
    page = await browser.authorize()
    asked = json.loads(options_in(page))
    assert (asked["rpId"], asked["userVerification"], asked["allowCredentials"]) == (
        "site.test", "required", [],
    )  # fmt: skip
    path = "/openidconnect/oidc/authorize/heliostat.local"
    fields = {**Page(page.text).fields, "passkey": device.get(options_in(page))}
    answer = await browser.post(path, fields)
    told = await claims(browser, answer)
    assert (told["sub"], told["acr"], told["amr"]) == (
        "ada@heliostat.local", "phr", ["mfa", "pin", "swk", "user"],
    )  # fmt: skip
    assert [each.grant for each in browser.told[:1]] == ["passkey"]
    browser.cookies["oidc_form"] = Page(page.text).fields["form_token"]
    again = await browser.post(path, fields)
    assert "used before" in again.text
    assert 'type="password"' in again.text
    await kit.identity.directory.set_disabled("ada", True)
    fields["passkey"] = device.get(options_in(again))
    assert "is not accepted" in (await browser.post(path, fields)).text


async def test_a_passkey_follows_the_password(kit: IdentityKit, browser: Browser) -> None:
    device = Authenticator(flags=PRESENT)
    await enrolled(kit, device)
    page = await browser.step(await browser.sign_in(acr_values="phr"))
    asked = json.loads(options_in(page))
    assert [each["transports"] for each in asked["allowCredentials"]] == [["internal"]]
    assert "Recovery code" in page.text
    told = await claims(browser, await browser.take(page, passkey=device.get(options_in(page))))
    assert (told["acr"], told["amr"]) == ("phr", ["hwk", "mfa", "pwd", "user"])
    await kit.identity.directories.policies.change_policy(
        "heliostat.local", {"second_factors.verified_passkeys": True}
    )
    page = await browser.step(await browser.sign_in(prompt="login"))
    assert json.loads(options_in(page))["userVerification"] == "required"
    refused = await browser.take(page, passkey=device.get(options_in(page)))
    assert "answer does not hold" in refused.text


async def test_who_must_enrol_may_add_a_passkey(kit: IdentityKit, browser: Browser) -> None:
    await kit.identity.directories.policies.change_policy(
        "heliostat.local", {"second_factors.requirement": "required"}
    )
    device = Authenticator()
    page = await browser.step(await browser.sign_in())
    shown = await browser.take(page, passkey=device.create(options_in(page)), name="Key")
    assert "Keep these codes" in shown.text
    told = await claims(browser, await browser.get("/openidconnect/sign-in/heliostat.local"))
    assert told["acr"] == "phr"


def bent(**changes: object) -> Callable[[Authenticator], None]:
    def bend(device: Authenticator) -> None:
        for name, value in changes.items():
            setattr(device, name, value)

    return bend


@pytest.mark.parametrize(
    ("bend", "why"),
    [
        (bent(origin="https://site.test"), "does not hold"),
        (bent(origin="https://site.test.evil.example:9000"), "does not hold"),
        (bent(origin="http://site.test:9000"), "does not hold"),
        (bent(flags=PRESENT), "does not hold"),
        (bent(flags=VERIFIED), "does not hold"),
        (bent(counter=-1), "does not hold"),
        (bent(client={"type": "webauthn.create"}), "another question"),
        (bent(client={"crossOrigin": True}), "another question"),
        (bent(client={"challenge": "Z3Vlc3NlZA"}), "another question"),
        (bent(client={"challenge": 7}), "can't be read"),
        (bent(handle="c29tZWJvZHk"), "somebody else"),
        (bent(credential=b"another" * 5), "nobody here"),
        (lambda device: setattr(device, "key", Authenticator().key), "does not hold"),
    ],
)
async def test_answers_that_must_not_count(
    kit: IdentityKit, browser: Browser, bend: Callable[[Authenticator], None], why: str
) -> None:
    device = Authenticator()
    passkeys = await enrolled(kit, device)
    if bend.__name__ == "bend":
        device.counter = 5
        await passkeys.show_alone(device.get(passkeys.ask_alone(FORM)), FORM)
    bend(device)
    with pytest.raises(PermanentError, match=why):
        await passkeys.show_alone(device.get(passkeys.ask_alone(FORM)), FORM)


async def test_challenges_are_good_once_for_what_was_asked(
    kit: IdentityKit, browser: Browser
) -> None:
    device = Authenticator()
    passkeys = await enrolled(kit, device)
    asked = passkeys.ask_alone(FORM)
    answer = device.get(asked)
    with pytest.raises(PermanentError, match="another question"):
        await passkeys.show_alone(answer, "another form")
    with pytest.raises(PermanentError, match="another question"):
        await passkeys.show_second("ada", answer, FORM, verified=False)
    assert (await passkeys.show_alone(answer, FORM)).user == "ada"
    with pytest.raises(PermanentError, match="used before"):
        await passkeys.show_alone(answer, FORM)
    late = device.get(passkeys.ask_alone(FORM))
    await kit.clock.advance(601)
    with pytest.raises(PermanentError, match="open for too long"):
        await passkeys.show_alone(late, FORM)
    await kit.identity.directory.create_user("bob", "correct horse battery")
    other = await passkeys.ask_second("bob", FORM, verified=False)
    with pytest.raises(PermanentError, match="not one of that person's"):
        await passkeys.show_second("bob", device.get(other), FORM, verified=False)
    person = await kit.identity.directory.person("bob")
    assert person is not None
    for stolen, why in (
        (device, "enrolled already"),
        (Authenticator(origin="https://evil.example"), "does not hold"),
    ):
        created = stolen.create(await passkeys.ask_new(person, FORM))
        with pytest.raises(PermanentError, match=why):
            await passkeys.add(person, created, FORM, "")


@pytest.mark.parametrize(
    "answer",
    ["", "{", "[]", "{}", '{"id": 1}', '{"id": "x"}', '{"id": "x", "response": {}}', "[" * 30_000,
     '{"id": "x", "response": {"clientDataJSON": "!"}}', "x" * 40_000],
)  # fmt: skip
async def test_what_is_no_answer_is_refused(
    kit: IdentityKit, browser: Browser, answer: str
) -> None:
    passkeys = kit.identity.realms.system.passkeys
    with pytest.raises(PermanentError, match=r"can't be read|another question"):
        await passkeys.show_second("ada", answer, FORM, verified=False)
    with pytest.raises(PermanentError, match=r"can't be read|nobody here has"):
        await passkeys.show_alone(answer, FORM)


async def test_who_has_no_passkey_here_writes_nothing(kit: IdentityKit, browser: Browser) -> None:
    passkeys, device = kit.identity.realms.system.passkeys, Authenticator()
    revision = await kit.store.revision()
    with pytest.raises(PermanentError, match="nobody here has that passkey"):
        await passkeys.show_alone(device.get(passkeys.ask_alone(FORM)), FORM)
    assert await kit.store.revision() == revision


@pytest.mark.parametrize("key", [[], [1, 2], {1: 2, 3: -7}, 7, None], ids=str)
async def test_keys_of_no_shape_are_refused(
    kit: IdentityKit, browser: Browser, key: object
) -> None:
    realm = kit.identity.realms.system
    person = await realm.people.person("ada")
    assert person is not None
    made = json.loads(Authenticator().create(await realm.passkeys.ask_new(person, FORM)))
    statement = cbor2.loads(bytes_of(made["response"]["attestationObject"]))
    data = statement["authData"]
    statement["authData"] = data[: 55 + int.from_bytes(data[53:55])] + cbor2.dumps(key)
    made["response"]["attestationObject"] = text_of(cbor2.dumps(statement))
    with pytest.raises(PermanentError, match="does not hold"):
        await realm.passkeys.add(person, json.dumps(made), FORM, "")


async def test_passkeys_outlive_the_seal(
    kit: IdentityKit, browser: Browser, tmp_path: Path
) -> None:
    device, second = Authenticator(), Authenticator()
    await enrolled(kit, device)
    other = kit.restarted(tmp_path / "another folder")  # with a seal of its own
    realm = other.realms.system
    asked = realm.passkeys.ask_alone(FORM)
    assert (await realm.passkeys.show_alone(device.get(asked), FORM)).user == "ada"
    person = await realm.people.person("ada")
    assert person is not None
    created = second.create(await realm.passkeys.ask_new(person, FORM))
    await realm.passkeys.add(person, created, FORM, "")
    assert second.handle == device.handle  # one person, on every device
    other.close()


def test_passkeys_are_bound_to_the_sites_name() -> None:
    options = IdentityOptions(
        base_url="https://cloud.example:9000", other_urls=("https://cloud.example", "https://x.y")
    )
    assert site_of(options) == "cloud.example"
    assert origins_of(options, "cloud.example") == [
        "https://cloud.example:9000", "https://cloud.example",
    ]  # fmt: skip
    assert site_of(IdentityOptions(base_url="https://127.0.0.1:9000")) == ""


PAGE = """
const { webcrypto } = require("node:crypto");
const sent = [];
const field = { value: "" };
const wrong = { hidden: true, textContent: "" };
const form = {
  elements: { namedItem: () => field },
  querySelector: () => wrong,
  submit: () => sent.push(field.value),
};
let clicked;
const button = {
  form, hidden: true, dataset: { passkey: OPTIONS },
  addEventListener: (_, run) => { clicked = run; },
};
globalThis.document = { querySelector: () => button };
globalThis.window = { PublicKeyCredential: {} };
const from = (text) => Buffer.from(text, "base64url");
Object.defineProperty(globalThis, "navigator", { value: { credentials: {
  get: async ({ publicKey }) => {
    if (!(publicKey.challenge instanceof Uint8Array)) throw new Error("no bytes");
    const answer = JSON.parse(ANSWER), response = {};
    for (const name of Object.keys(answer.response)) response[name] = from(answer.response[name]);
    return { rawId: from(answer.rawId), type: answer.type, response };
  },
} } });
SCRIPT
clicked().then(() => console.log(JSON.stringify([button.hidden, sent, wrong.textContent])));
"""


async def test_the_script_sends_what_the_device_says(kit: IdentityKit, browser: Browser) -> None:
    device = Authenticator()
    passkeys = await enrolled(kit, device)
    asked = passkeys.ask_alone(FORM)
    text = PAGE.replace("OPTIONS", json.dumps(asked)).replace("SCRIPT", script_text())
    text = text.replace("ANSWER", json.dumps(device.get(asked)))
    done = await run_async(["node", "-e", text], timeout_s=30)
    hidden, sent, wrong = json.loads(done.stdout)
    assert (hidden, wrong) == (False, "")
    assert (await passkeys.show_alone(sent[0], FORM)).user == "ada"
    served = await browser.get("/openidconnect/passkey.js")
    assert served.headers["Content-Type"].startswith("text/javascript")
    assert served.text == script_text()
