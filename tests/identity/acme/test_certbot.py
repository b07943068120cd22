"""certbot, which nobody here wrote, gets certificates: by http-01, by dns-01, with a bound key."""

from __future__ import annotations

import asyncio
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509

from heliostat.core.process import run
from heliostat.identity.acme.accounts import Accounts
from heliostat.testing.acme import DOMAIN, ServedAcme, served_acme

CERTBOT = Path(sys.executable).parent / "certbot"


@pytest.fixture
async def acme(tmp_path: Path) -> AsyncIterator[ServedAcme]:
    async with served_acme(tmp_path) as served:
        yield served


async def certbot(acme: ServedAcme, *arguments: str) -> str:
    """What it prints; raises when it fails."""
    home = acme.folder / "certbot"
    folders = [f"--{name}-dir={home / name}" for name in ("config", "work", "logs")]
    argv = [
        str(CERTBOT), *arguments, *folders, "--server", acme.directory,
        "--non-interactive", "--agree-tos", "--register-unsafely-without-email",
    ]  # fmt: skip
    env = {"REQUESTS_CA_BUNDLE": str(acme.ca), "PATH": "/usr/bin:/bin", "HOME": str(home)}
    done = await asyncio.to_thread(run, argv, timeout_s=90, env=env)
    return done.stdout


async def bound(acme: ServedAcme) -> list[str]:
    """Options of certbot with a key that the domain's administrators handed out."""
    realm = await acme.identity.realms.get(DOMAIN)
    accounts = Accounts(
        acme.identity.authorities.roots.store,
        acme.identity.authorities.roots.clock,
        acme.identity.ids,
        realm.sealing,
        realm.options.tenant,
    )
    key, secret = await accounts.create_key("certbot", (), "test")
    return ["--eab-kid", key.id, "--eab-hmac-key", secret]


def hook(folder: Path, url: str) -> Path:
    """A program that tells the test's name server what certbot wants there."""
    path = folder / "hook"
    path.write_text(
        f"#!{sys.executable}\nimport os, urllib.request as r\n"
        f"r.urlopen('{url}?name=' + os.environ['CERTBOT_DOMAIN'] + '&text='"
        " + os.environ['CERTBOT_VALIDATION'])\n"
    )
    path.chmod(stat.S_IRWXU)
    return path


@pytest.mark.slow
@pytest.mark.takes(20)
async def test_certbot_gets_renews_and_revokes(acme: ServedAcme, tmp_path: Path) -> None:
    www = f"www.{DOMAIN}"
    binding = await bound(acme)
    http = ["certonly", "--standalone", "--http-01-port", str(acme.http_port),
            "--http-01-address", "127.0.0.1", "-d", www]  # fmt: skip
    with pytest.raises(Exception, match=r"(?i)certbot"):
        await certbot(acme, *http)  # without a key
    await certbot(acme, *http, *binding)
    chain = tmp_path / "certbot" / "config" / "live" / www / "fullchain.pem"
    leaf, intermediate = x509.load_pem_x509_certificates(chain.read_bytes())
    leaf.verify_directly_issued_by(intermediate)
    verify = ["openssl", "verify", "-x509_strict", "-CAfile", str(acme.ca)]
    run([*verify, "-untrusted", str(chain), "-verify_hostname", www, str(chain)], timeout_s=20)
    await certbot(acme, *http, "--force-renewal")
    assert x509.load_pem_x509_certificates(chain.read_bytes())[0] != leaf
    await by_dns(acme, tmp_path)
    await certbot(acme, "revoke", "--cert-path", str(chain), "--reason", "keycompromise")
    authority = await acme.identity.directories.authority(DOMAIN)
    listed = await authority.revocation.crl()
    assert listed is not None
    assert len(list(x509.load_der_x509_crl(listed.der))) == 1


async def by_dns(acme: ServedAcme, folder: Path) -> None:
    """A wildcard, by a hook that tells our name server."""
    from aiohttp import web

    async def told(request: web.Request) -> web.Response:
        name = f"_acme-challenge.{request.query['name']}"
        acme.names.texts.setdefault(name, []).append(request.query["text"])
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/", told)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        dns = ["certonly", "--manual", "--preferred-challenges", "dns",
               "--manual-auth-hook", str(hook(folder, url))]  # fmt: skip
        await certbot(acme, *dns, "-d", f"*.shop.{DOMAIN}", "-d", f"shop.{DOMAIN}")
    finally:
        await runner.cleanup()
    names = folder / "certbot" / "config" / "live" / f"shop.{DOMAIN}" / "cert.pem"
    leaf = x509.load_pem_x509_certificate(names.read_bytes())
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {each.value for each in found} == {f"*.shop.{DOMAIN}", f"shop.{DOMAIN}"}
