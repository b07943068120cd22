"""One krb5kdc for all realms of a site: its files, its start, its end.

It listens on the loopback address only and is asked by the ``gate``, which everybody else
asks: there wrong passwords are counted where those of tokens and LDAP are.  The process is
killed when the controller is, however that comes about.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heliostat.core.errors import TemporaryError
from heliostat.core.files import atomic_write
from heliostat.core.process import ENDING_WITH_US
from heliostat.identity.kerberos.database import PACKAGE, Database
from heliostat.identity.openldap.slapd import program

START_S, STOP_S, POLL_S = 15.0, 5.0, 0.02
ANSWER_S = 10.0
MAX_MESSAGE = 1 << 17
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Files:
    """Where the KDC keeps its configuration."""

    folder: Path

    @property
    def environment(self) -> list[str]:
        """Assignments that make MIT's programs use these files and no others."""
        client, server = self.folder / "krb5.conf", self.folder / "kdc.conf"
        return [f"KRB5_CONFIG={client}", f"KRB5_KDC_PROFILE={server}", "LC_ALL=C.UTF-8"]

    def realm_folder(self, tenant: str) -> Path:
        return self.folder / tenant

    def forget_others(self, tenants: Sequence[str]) -> None:
        """Nothing stays of realms that have ended: their keys lie in these folders."""
        for each in self.folder.glob("*/stash"):
            if each.parent.name not in tenants:
                shutil.rmtree(each.parent)

    def write(self, port: int, databases: Sequence[Database]) -> None:
        """Both files, for these realms."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        realms = [each.realm for each in databases]
        client = [
            "[libdefaults]",
            f"  default_realm = {realms[0]}" if realms else "",
            "  dns_lookup_kdc = false",
            "  dns_lookup_realm = false",
            "  rdns = false",
            "  dns_canonicalize_hostname = false",
            "  permitted_enctypes = aes256-cts-hmac-sha384-192 aes256-cts-hmac-sha1-96",
            "[realms]",
            *(f"  {realm} = {{\n    kdc = {LOOPBACK}:{port}\n  }}" for realm in realms),
        ]
        server = [
            "[kdcdefaults]",
            f'  kdc_listen = ""\n  kdc_tcp_listen = {LOOPBACK}:{port}',
            "[logging]",
            "  kdc = SYSLOG:NOTICE:DAEMON",
            "[realms]",
            *(_realm(each) for each in databases),
        ]
        for name, lines in (("krb5.conf", client), ("kdc.conf", server)):
            atomic_write(self.folder / name, "\n".join([*lines, ""]).encode(), mode=0o600)


def _realm(database: Database) -> str:
    lines = [
        f"  {database.realm} = {{",
        f"    database_name = {database.path}",
        f"    key_stash_file = {database.stash}",
        "    master_key_type = aes256-cts-hmac-sha1-96",
        "    supported_enctypes = aes256-cts-hmac-sha384-192:normal aes256-cts-hmac-sha1-96:normal",
        "    max_life = 7d\n    max_renewable_life = 30d",
        "  }",
    ]
    return "\n".join(lines)


@dataclass
class Kdc:
    """A running krb5kdc; made by ``start``."""

    port: int
    process: asyncio.subprocess.Process = field(repr=False)

    @property
    def is_running(self) -> bool:
        return self.process.returncode is None

    async def ask(self, message: bytes) -> bytes:
        """Its answer to one message; raises ``KerberosUnavailable``."""
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
                try:
                    writer.write(len(message).to_bytes(4, "big") + message)
                    await writer.drain()
                    size = int.from_bytes(await reader.readexactly(4), "big")
                    if size > MAX_MESSAGE:
                        raise _unavailable("it answered too much")
                    return await reader.readexactly(size)
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise _unavailable(f"it does not answer: {error}") from error

    async def stop(self) -> None:
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


async def start(files: Files, databases: Sequence[Database]) -> Kdc:
    """Run krb5kdc for the realms of ``databases``; returns once it listens.

    Raises ``NotInstalled`` and ``KerberosUnavailable``.
    """
    port = _free_port()
    files.write(port, databases)
    realms = [argument for each in databases for argument in ("-r", each.realm)]
    environment = dict(each.split("=", 1) for each in files.environment)
    process = await asyncio.create_subprocess_exec(
        *ENDING_WITH_US,
        *(program("krb5kdc", PACKAGE), "-n", *realms),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    kdc = Kdc(port, process)
    try:
        await _until_listening(kdc)
    except BaseException:
        await kdc.stop()
        raise
    return kdc


async def _until_listening(kdc: Kdc) -> None:
    deadline = asyncio.get_running_loop().time() + START_S
    while kdc.is_running and asyncio.get_running_loop().time() < deadline:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, kdc.port)
        except OSError:
            await asyncio.sleep(POLL_S)
            continue
        writer.close()
        return
    raise _unavailable("it ended at its start" if not kdc.is_running else "it does not listen")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _unavailable(why: str) -> TemporaryError:
    return TemporaryError("KerberosUnavailable", f"The Kerberos server can't be asked: {why}.")
