"""An Apache with mod_auth_gssapi takes tickets by a keytab of ours, also over a rotation."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from heliostat.testing.apache import Apache, apache, has_module
from heliostat.testing.kerberos import TYPED, KerberosSite, kerberos_site

HOST = "web.test"
pytestmark = pytest.mark.skipif(not has_module("auth_gssapi"), reason="no mod_auth_gssapi")
CONFIGURATION = """
<Location />
 AuthType GSSAPI
 AuthName tickets
 GssapiCredStore keytab:{folder}/web.keytab
 GssapiSSLonly Off
 Require valid-user
 Header always set X-User expr=%{{REMOTE_USER}}
</Location>
"""


async def test_a_keytab_of_ours(tmp_path: Path) -> None:
    with apache() as server:
        await _judged(server, tmp_path)


async def _judged(server: Apache, tmp_path: Path) -> None:
    async with kerberos_site(tmp_path) as site:
        services = (await site.realm()).services
        keytab = server.folder / "web.keytab"
        port = server.port

        def keep(content: bytes) -> None:
            keytab.write_bytes(content)

        keep((await services.create_service(f"HTTP/{HOST}")).keytab)
        server.prepare("auth_gssapi", CONFIGURATION.format(folder=server.folder), HOST)
        async with server.running():
            assert "401" in (await _get(site, port))[0]
            await site.kinit("ada", TYPED)
            head = await _get(site, port)
            assert "200 OK" in head[0]
            assert "X-User: ada@HELIOSTAT.LOCAL" in head
            # a rotated keytab opens the ticket that is out, and the next one; an older does not
            await asyncio.to_thread(keep, (await services.rotate_service(f"HTTP/{HOST}")).keytab)
            assert "200 OK" in (await _get(site, port))[0]
            await site.kinit("ada", TYPED)
            assert "200 OK" in (await _get(site, port))[0]
            assert "kvno = 2" in await site.run("kvno", f"HTTP/{HOST}")
            for _ in range(3):
                latest = await services.rotate_service(f"HTTP/{HOST}")
            assert latest.versions == (5, 4, 3)
            await asyncio.to_thread(keep, latest.keytab)
            assert "401" in (await _get(site, port))[0]


async def _get(site: KerberosSite, port: int) -> list[str]:
    """The head of what curl gets with the ticket that there is."""
    known = ("--noproxy", "*", "--resolve", f"{HOST}:{port}:127.0.0.1")
    shown = ("--negotiate", "-u", ":", "-o", "/dev/null", "-D", "-")
    out = await site.run("curl", "-sS", *known, *shown, f"http://{HOST}:{port}/")
    return out.replace("\r", "").splitlines()
