"""A site whose system tenant has a realm, served, and MIT's clients in a folder of their own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from heliostat.core.process import CommandFailed, run
from heliostat.identity.realm import Realm
from heliostat.testing.signin import OPTIONS, IdentityKit, start_identity

REALM = "HELIOSTAT.LOCAL"
TYPED = 'mango lantern & "ünder" $five'


@dataclass
class KerberosSite:
    """A served realm, and clients in ``folder``."""

    kit: IdentityKit
    folder: Path
    port: int
    password_port: int = 0
    other_port: int = 0
    """Of a second KDC, where there is one."""

    async def realm(self) -> Realm:
        return await self.kit.identity.realms.get(self.kit.identity.options.domain)

    def environment(self, **more: str) -> dict[str, str]:
        """What makes MIT's programs ask this site; ``more`` goes into their configuration."""
        path = self.folder / "client.conf"
        extra = "".join(f"  {key} = {value}\n" for key, value in more.items())
        path.write_text(
            f"[libdefaults]\n  default_realm = {REALM}\n  dns_lookup_kdc = false\n  rdns = false\n"
            f"  dns_canonicalize_hostname = false\n{extra}[realms]\n  {REALM} = {{\n"
            f"    kdc = 127.0.0.1:{self.port}\n"
            + (f"    kdc = 127.0.0.1:{self.other_port}\n" if self.other_port else "")
            + f"    kpasswd_server = 127.0.0.1:{self.password_port}\n  }}\n"
        )
        return {
            **os.environ,
            "KRB5_CONFIG": str(path),
            "KRB5CCNAME": f"FILE:{self.folder / 'tickets'}",
            "LC_ALL": "C.UTF-8",
        }

    async def run(self, *argv: str, stdin: str = "", **more: str) -> str:
        """What a program printed."""
        env = self.environment(**more)
        done = await asyncio.to_thread(run, argv, timeout_s=20, stdin=stdin.encode(), env=env)
        return done.stdout + done.stderr

    async def refusal(self, *argv: str, stdin: str = "", **more: str) -> str:
        """What a program printed that failed; ``AssertionError`` for one that did not."""
        try:
            done = await self.run(*argv, stdin=stdin, **more)
        except CommandFailed as error:
            return error.stderr + error.stdout
        raise AssertionError(done)

    async def kinit(self, name: str, password: str, *more: str) -> str:
        return await self.run("kinit", *more, name, stdin=f"{password}\n")

    async def refused(self, name: str, password: str) -> str:
        return await self.refusal("kinit", name, stdin=f"{password}\n")


@asynccontextmanager
async def kerberos_site(folder: Path) -> AsyncIterator[KerberosSite]:
    """Time is the machine's own at the start; ``ada`` has ``TYPED``, ``before`` no keys yet."""
    options = replace(OPTIONS, other_urls=("https://localhost:9000",))
    kit = await start_identity(folder / "authority", options, start_ms=int(time.time() * 1000))
    identity = kit.identity
    await identity.directory.create_user("before", TYPED)
    realm = await identity.realms.get(identity.options.domain)
    await realm.kerberos.enable()
    await realm.directory.create_user("ada", TYPED)
    port = (await identity.kerberos.listen("127.0.0.1", 0)).port
    changing = await identity.kerberos.open_port("127.0.0.1", 0, identity.password_port.answer)
    await identity.kerberos.refresh()
    try:
        yield KerberosSite(kit, folder, port, changing.port)
    finally:
        await identity.kerberos.close()
        identity.close()
        await kit.store.close()
