"""The LDAP face for tests: a directory with people in it, behind a real slapd on loopback.

``Served`` says where it listens; its people have ``signin.PASSWORD``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.clock import SystemClock
from heliostat.core.process import CommandFailed, Output, run_async
from heliostat.identity.ldap_face.face import LdapFace
from heliostat.identity.ldap_face.settings import LdapSettings
from heliostat.identity.ldap_face.telling import Told
from heliostat.testing.signin import PASSWORD, IdentityKit, start_identity
from heliostat.testing.slapds import free_port

SUFFIX = "dc=heliostat,dc=local"
ADA = f"uid=ada,ou=Engineering,{SUFFIX}"
NAMES = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Served:
    """A face that answers."""

    kit: IdentityKit
    face: LdapFace
    url: str
    tls_url: str
    ca: Path
    told: list[Told]
    """What an audit trail would have been told."""

    async def run(
        self, program: str, *words: str, bind: str = ADA, password: str = PASSWORD, url: str = ""
    ) -> Output:
        """One of ldap-utils, as ``bind`` (empty: anonymous); raises ``CommandFailed``."""
        who = ("-D", bind, "-w", password) if bind else ()
        argv = [program, "-x", "-H", url or self.url, *who, *words]
        environment = f"LDAPTLS_CACERT={self.ca}"
        return await run_async(["/usr/bin/env", environment, *argv], timeout_s=20)

    async def code(self, program: str, *words: str, **how: str) -> int:
        """With which result a program ended."""
        try:
            await self.run(program, *words, **how)
        except CommandFailed as error:
            return error.exit_code if error.exit_code is not None else -1
        return 0

    async def found(self, *words: str, bind: str = ADA) -> list[str]:
        """Names of the entries that a search finds."""
        out = (await self.run("ldapsearch", "-LLL", "-o", "ldif-wrap=no", *words, bind=bind)).stdout
        return [line.removeprefix("dn: ") for line in out.split("\n") if line.startswith("dn: ")]


@asynccontextmanager
async def served(folder: Path, *, anonymous: bool = False) -> AsyncIterator[Served]:
    """A company's directory on free ports."""
    kit = await start_identity(folder / "authority", start_ms=time.time_ns() // 1_000_000)
    await people(kit)
    port, tls_port = free_port(), free_port()
    settings = LdapSettings(port=port, tls_port=tls_port, anonymous=anonymous)
    told: list[Told] = []

    async def tell(each: Told) -> None:
        told.append(each)

    face = LdapFace(kit.identity, folder / "ldap", settings, NAMES, SystemClock(), tell=tell)
    await face.open()
    ca = folder / "ca.pem"
    ca.write_text(kit.identity.authority.ca_pem)
    urls = (f"ldap://127.0.0.1:{port}", f"ldaps://127.0.0.1:{tls_port}")
    try:
        yield Served(kit, face, *urls, ca, told)
    finally:
        await face.close()
        kit.identity.close()
        await kit.store.close()


async def people(kit: IdentityKit) -> None:
    """Two units, four people, groups in groups, a machine, another tenant."""
    directory = kit.identity.directory
    await directory.create_unit("Engineering", description="Makes things")
    await directory.create_unit("Engineering/R&D")
    await directory.create_user(
        "ada",
        PASSWORD,
        given_name="Ada",
        family_name="Löve",
        email="ada@acme.example",
        unit="Engineering",
    )
    await directory.create_user("grace", PASSWORD, unit="Engineering/R&D")
    await directory.create_user("boss", PASSWORD)
    for name in ("Inner", "Outer"):
        await directory.create_group(name)
    await directory.add_member("Outer", "Inner")
    await directory.add_member("Inner", "ada")
    await directory.add_member("Administrators", "boss")
    await directory.create_computer("web01", operating_system="Debian 12")
    await kit.identity.tenants.create_tenant("acme.example")
    acme = await kit.identity.directories.of("acme.example")
    await acme.create_user("eve", PASSWORD)
