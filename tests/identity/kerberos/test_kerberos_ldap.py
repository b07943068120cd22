"""A ticket opens the LDAP face, as whom it is of, and one lockout closes all three ways."""

from __future__ import annotations

from pathlib import Path

from heliostat.core.clock import SystemClock
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.ldap_face.face import LdapFace
from heliostat.identity.ldap_face.settings import LdapSettings
from heliostat.testing.kerberos import TYPED, KerberosSite, kerberos_site
from heliostat.testing.signin import code_of
from heliostat.testing.slapds import free_port

SUFFIX = "dc=heliostat,dc=local"
ADA = f"uid=ada,ou=people,{SUFFIX}"


async def test_ldap_by_ticket_and_by_password(tmp_path: Path) -> None:
    async with kerberos_site(tmp_path) as site:
        identity, port = site.kit.identity, free_port()
        settings = LdapSettings(port=port, tls_port=free_port())
        face = LdapFace(identity, tmp_path / "ldap", settings, ["localhost"], SystemClock())
        await face.open()
        try:
            await _by_ticket(site, f"ldap://localhost:{port}")
            await _one_lockout(site, f"ldap://localhost:{port}")
        finally:
            await face.close()


async def _by_ticket(site: KerberosSite, url: str) -> None:
    directory = (await site.realm()).directory
    await site.kinit("ada", TYPED)
    shown = ("-Q", "-N", "-Y", "GSSAPI", "-H", url)
    assert f"dn:uid=ada,{SUFFIX}" in await site.run("ldapwhoami", *shown)
    found = await site.run("ldapsearch", *shown, "-LLL", "-b", SUFFIX, "(uid=before)", "uid")
    assert "uid: before" in found
    other = await site.refusal("ldapsearch", *shown, "-b", "dc=acme,dc=example")
    assert "No such object" in other or "Insufficient access" in other

    # a ticket comes of a password alone
    policies, domain = site.kit.identity.directories.policies, site.kit.identity.options.domain
    await policies.change_policy(domain, {"second_factors.requirement": "required"})
    refused = await site.refusal("ldapsearch", *shown, "-b", SUFFIX, "(uid=before)")
    assert "Insufficient access" in refused
    await policies.change_policy(domain, {"second_factors.requirement": "off"})

    # in another unit she is the same; disabled she is nobody, whatever her ticket says
    await directory.create_unit("Engineering")
    await directory.move(EntryKind.USER, "ada", "Engineering")
    assert "uid: before" in await site.run("ldapsearch", *shown, "-b", SUFFIX, "(uid=before)")
    await directory.set_disabled("ada", True)
    assert "uid: before" not in await site.refusal("ldapsearch", *shown, "-b", SUFFIX)
    await directory.set_disabled("ada", False)
    await directory.move(EntryKind.USER, "ada", "")


async def _one_lockout(site: KerberosSite, url: str) -> None:
    directory = (await site.realm()).directory
    bound = ("-x", "-H", url, "-D", ADA, "-w")
    await site.run("ldapwhoami", *bound, TYPED)
    for _ in range(2):
        assert "Invalid credentials" in await site.refusal("ldapwhoami", *bound, "wrong")
    for _ in range(2):
        await site.refused("ada", "wrong")
    await code_of(directory.authenticate("ada", "wrong"))
    assert "Invalid credentials" in await site.refusal("ldapwhoami", *bound, TYPED)
    assert "revoked" in await site.refused("ada", TYPED)
    assert await code_of(directory.authenticate("ada", TYPED)) == "InvalidLoginCredentials"
    await site.kit.clock.advance(301)
    await site.run("ldapwhoami", *bound, TYPED)
    await site.kinit("ada", TYPED)
    await directory.authenticate("ada", TYPED)
