"""One slapd: its folder, its start, the wait until it answers, its end.

``prepare`` writes a folder once (configuration by slapadd); ``start`` runs the server as a
child that is killed with us, so that none is left over; ``stop`` ends it by its process.
Whoever needs a server with another configuration gives its own entries.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.core.process import ENDING_WITH_US, CommandFailed, run_async
from heliostat.identity.openldap.cn_config import after_schema, before_schema
from heliostat.identity.openldap.config import NodeConfig
from heliostat.identity.openldap.ldif import Entry, written
from heliostat.identity.openldap.schema import standard_files

PREPARE_S = 60.0
START_S = 30.0
STOP_S = 15.0
POLL_S = 0.02
PRIVATE = 0o700
_PATH = "/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", os.defpath)
_SOCKET_BYTES = 107


@dataclass(frozen=True, slots=True)
class Folder:
    """Where one server keeps itself; ``socket`` is for the owner of its process."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config"

    @property
    def socket(self) -> Path:
        return self.path / "ldapi"

    @property
    def log(self) -> Path:
        return self.path / "slapd.log"

    @property
    def is_prepared(self) -> bool:
        """Whether the configuration was written to its end."""
        return (self.path / "prepared").exists()

    @property
    def socket_url(self) -> str:
        return f"ldapi://{quote(str(self.socket), safe='')}"


def program(name: str, package: str = "slapd") -> str:
    """The path of a program of OpenLDAP; raises ``NotInstalled`` naming its package."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise PermanentError(
            "NotInstalled",
            f"{name} is not installed on this machine.",
            hint=f"Install the Debian package {package} and try again.",
        )
    return found


async def prepare(
    folder: Folder, entries: Sequence[Entry], *, schemas: Sequence[Path] | None = None
) -> None:
    """Write the configuration ``entries`` (``schemas`` after the third); anew if it was cut off.

    Raises ``NotInstalled`` and ``DirectoryNodeFailed``.
    """
    if folder.is_prepared:
        return
    slapadd = program("slapadd")
    shutil.rmtree(folder.config, ignore_errors=True)
    for each in (folder.path, folder.config, folder.path / "data", folder.path / "log"):
        each.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    included = standard_files() if schemas is None else schemas
    before = sum(each.dn in _FIRST for each in entries)
    text = "\n".join(
        [
            written(entries[:before]),
            *(f"include: file://{each}\n" for each in included),
            written(entries[before:]),
        ]
    )
    source = folder.path / "config.ldif"
    source.write_text(text)
    try:
        await run_async(
            [slapadd, "-n", "0", "-F", str(folder.config), "-l", str(source)], timeout_s=PREPARE_S
        )
    except CommandFailed as error:
        raise _failed(folder, f"its configuration was refused: {error.message}") from error
    (folder.path / "prepared").touch()


_FIRST = ("cn=config", "cn=module,cn=config", "cn=schema,cn=config")


async def prepare_node(folder: Folder, config: NodeConfig) -> None:
    """``prepare`` for a member of the directory."""
    schemas = [*standard_files(), *map(Path, config.schemas)]
    await prepare(folder, [*before_schema(config), *after_schema(config)], schemas=schemas)


@dataclass
class Slapd:
    """A running server; made by ``start``."""

    folder: Folder
    urls: tuple[str, ...]
    process: asyncio.subprocess.Process = field(repr=False)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.returncode is None

    async def stop(self) -> None:
        """End it; what it acknowledged is on disk."""
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_S)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it at once, as a power failure would."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


async def start(
    folder: Folder,
    urls: Sequence[str] = (),
    *,
    env: dict[str, str] | None = None,
    held: Sequence[int] = (),
) -> Slapd:
    """Run the server in ``folder``, also at ``urls``; returns once it answers.

    ``held`` are file descriptors that it keeps open for as long as it lives.
    Raises ``NotInstalled`` and ``DirectoryNodeFailed``.
    """
    if len(bytes(folder.socket)) > _SOCKET_BYTES:
        raise _failed(folder, "the path of its socket is too long")
    slapd = program("slapd")
    listening = (folder.socket_url, *urls)
    argv = (slapd, "-d", "0", "-h", " ".join(listening), "-F", str(folder.config))
    with folder.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *ENDING_WITH_US,
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(env or {})},
            pass_fds=tuple(held),
        )
    server = Slapd(folder, listening, process)
    try:
        await _until_answering(server)
    except BaseException:
        await server.kill()
        raise
    return server


async def _until_answering(server: Slapd) -> None:
    deadline = asyncio.get_running_loop().time() + START_S
    while asyncio.get_running_loop().time() < deadline:
        if not server.is_running:
            raise _failed(server.folder, f"it ended: {_last_line(server.folder.log)}")
        if await asyncio.to_thread(answers, server.folder.socket_url):
            return
        await asyncio.sleep(POLL_S)
    raise TemporaryError(
        "DirectoryNodeFailed",
        f"The directory server in {server.folder.path} did not answer within {START_S:g} s.",
    )


def answers(url: str) -> bool:
    """Whether the server at ``url`` tells who it is; raises ``NotInstalled`` (python3-ldap)."""
    from heliostat.identity.openldap.library import ldap_library

    ldap = ldap_library()
    connection = ldap.initialize(url)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 2)
    connection.set_option(ldap.OPT_TIMEOUT, 2)
    try:
        connection.search_s("", ldap.SCOPE_BASE, "(objectClass=*)", ["namingContexts"])
    except ldap.LDAPError:
        return False
    finally:
        connection.unbind_s()
    return True


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").split("\n") if path.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _failed(folder: Folder, why: str) -> PermanentError:
    return PermanentError(
        "DirectoryNodeFailed", f"The directory server in {folder.path} can't be used: {why}."
    )
