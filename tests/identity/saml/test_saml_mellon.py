"""Apache with mod_auth_mellon as service provider: signed in and out of by a browser, all of it.

mod_auth_mellon reads our metadata and we read its; nothing between them is ours.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from heliostat.identity.saml.bindings import RESPONSE
from heliostat.testing.apache import apache, has_module
from heliostat.testing.browser import Browser, Page
from heliostat.testing.saml import pair_of, pem
from heliostat.testing.signin import PASSWORD, IdentityKit, start_identity
from heliostat.wire.service_providers import ServiceProviderCreateSpec, ServiceProviderUpdateSpec

DOMAIN = "heliostat.local"
pytestmark = pytest.mark.skipif(not has_module("auth_mellon"), reason="no mod_auth_mellon")
CONFIGURATION = """
MellonPostDirectory {folder}/post
<Location />
 MellonEnable info
 MellonEndpointPath /mellon/
 MellonSPPrivateKeyFile {folder}/sp.key
 MellonSPCertFile {folder}/sp.crt
 MellonIdPMetadataFile {folder}/idp.xml
 MellonSecureCookie Off
 MellonSubjectConfirmationDataAddressCheck Off
</Location>
<Location /app>
 AuthType Mellon
 MellonEnable auth
 Require valid-user
 MellonSetEnv "mail" "urn:oid:0.9.2342.19200300.100.1.3"
 Header set X-User "%{{MELLON_NAME_ID}}e"
 Header set X-Mail "%{{MELLON_mail}}e"
</Location>
"""


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[IdentityKit]:
    """A sign-in that lives today, as Apache does."""
    made = await start_identity(tmp_path / "authority", start_ms=int(time.time() * 1000))
    yield made
    made.identity.close()
    await made.store.close()


class Site:
    """A browser's view of both: ours by a name that stands in metadata, and Apache."""

    def __init__(self, browser: Browser, apache: httpx.AsyncClient) -> None:
        self.browser = browser
        self.apache = apache

    async def go(self, address: str) -> httpx.Response:
        """Follow a link, wherever it leads."""
        if address.startswith("https://site.test:9000"):
            parts = urlsplit(address)
            return await self.browser.get(f"{parts.path}?{parts.query}")
        return await self.apache.get(address)

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        """Through redirects and forms, until there is something to read."""
        for _ in range(10):
            if answer.is_redirect:
                place = answer.headers["Location"]
                inside = place.startswith("/openidconnect")
                answer = await (self.browser.get(place) if inside else self.go(place))
            elif RESPONSE in (page := Page(answer.text)).fields:
                answer = await self.apache.post(_action(answer.text), data=page.fields)
            else:
                return answer
        raise AssertionError("it does not end")


def _action(text: str) -> str:
    return text.partition('action="')[2].partition('"')[0].replace("&amp;", "&")


@pytest.fixture
async def site(browser: Browser) -> AsyncIterator[Site]:
    with apache() as server:
        folder, pair = server.folder, pair_of("mellon")
        key = pair.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "sp.key").write_bytes(key)
        (folder / "sp.crt").write_text(pem(pair))
        metadata = await browser.get(f"/websso/SAML2/Metadata/{DOMAIN}")
        (folder / "idp.xml").write_bytes(metadata.content)
        (folder / "post").mkdir()
        server.prepare("auth_mellon", CONFIGURATION.format(folder=folder))
        (folder / "post").chmod(0o777)
        async with (
            server.running(),
            httpx.AsyncClient(base_url=server.address, trust_env=False) as client,
        ):
            yield Site(browser, client)


@pytest.mark.parametrize("encrypts", [False, True])
async def test_mod_auth_mellon_signs_people_in_and_out(
    kit: IdentityKit, site: Site, encrypts: bool
) -> None:
    await kit.identity.directory.change_user("ada", email="ada@x.test")
    providers = (await kit.identity.directories.saml(DOMAIN)).providers
    described = (await site.apache.get("/mellon/metadata")).text
    spec = ServiceProviderCreateSpec(
        name="apache", metadata=described, attributes=["mail"], name_id_format="unspecified"
    )
    made = await providers.create(spec)
    assert made.logouts
    assert made.wants_signed_requests
    await providers.update("apache", ServiceProviderUpdateSpec(encrypt=encrypts))
    page = await site.follow(await site.apache.get("/app/"))
    assert 'name="password"' in page.text
    answer = await site.browser.take(page, username="ada", password=PASSWORD)
    inside = await site.follow(answer)
    assert (inside.status_code, inside.text) == (200, "inside")
    assert inside.headers["X-User"].startswith("_")  # it asks for a transient name
    assert inside.headers["X-Mail"] == "ada@x.test"
    assert (await site.apache.get("/app/")).text == "inside"
    # the program begins to sign out: the browser comes back to it, signed out of both
    end = await site.follow(await site.apache.get("/mellon/logout?ReturnTo=/"))
    assert end.status_code in (200, 403, 404)
    assert (await site.apache.get("/app/")).is_redirect
    again = await site.follow(await site.apache.get("/app/"))
    assert 'name="password"' in again.text
    # we begin: the program is signed out, too
    inside = await site.follow(await site.browser.take(again, username="ada", password=PASSWORD))
    assert inside.text == "inside"
    out = await site.browser.get(f"/openidconnect/logout/{DOMAIN}")
    answer = await site.browser.post(f"/openidconnect/logout/{DOMAIN}", Page(out.text).fields)
    end = await site.follow(answer)
    assert "You are signed out" in end.text
    assert (await site.apache.get("/app/")).is_redirect
