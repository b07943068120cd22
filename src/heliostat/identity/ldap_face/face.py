"""The LDAP face of the directory, as it runs: our socket, slapd before it, and their upkeep.

``run`` starts slapd again when it ends, tells it of tenants that came or went, and gives it
the certificate anew when that was renewed.  slapd is killed with the controller, however
that ends, and what it has on disk is configuration that is written at each start.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.identity.authority.key_files import ServerFiles
from heliostat.identity.directory.layout import suffix_of
from heliostat.identity.ldap_face.config import FaceConfig, data_folders, entries
from heliostat.identity.ldap_face.listener import UNANSWERED, Listener
from heliostat.identity.ldap_face.requests import Requests
from heliostat.identity.ldap_face.settings import LdapSettings
from heliostat.identity.ldap_face.telling import Tell, nobody
from heliostat.identity.openldap.slapd import Folder, Slapd, prepare, start
from heliostat.identity.site import Identity

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
AGAIN_AFTER_S = 2.0
_MECHANISMS = "mech_list: EXTERNAL GSSAPI\n"
"""Passwords come in simple binds alone, which we see."""


class LdapFace:
    """Open from ``open`` to ``close``; ``run`` beside it."""

    def __init__(
        self,
        identity: Identity,
        folder: Path,
        settings: LdapSettings,
        names: Sequence[str],
        clock: Clock,
        look_every_s: float = LOOK_EVERY_S,
        tell: Tell = nobody,
    ) -> None:
        self._identity = identity
        self._folder = folder
        self._settings = settings
        self._names = names
        self._clock = clock
        self._look_every_s = look_every_s
        dismiss = identity.directories.dismiss
        requests = Requests(identity.realms, dismiss, anonymous=settings.anonymous, tell=tell)
        self._listener = Listener(self.socket, requests.answer)
        self._refusing = Listener(self._refusing_socket, requests.answer, UNANSWERED)
        self._slapd: Slapd | None = None
        self._known: tuple[object, ...] = ()
        self._why = ""

    @property
    def pid(self) -> int:
        """The process of slapd; 0 while it is not running."""
        return self._slapd.pid if self._slapd is not None and self._slapd.is_running else 0

    @property
    def trouble(self) -> str:
        """Why nobody is answered now, a sentence; empty while slapd runs."""
        if self.pid:
            return ""
        return f"The LDAP server does not run: {self._why or 'it has ended; it is begun again.'}"

    @property
    def socket(self) -> Path:
        """Where slapd asks for entries."""
        return self._folder / "asked"

    @property
    def _refusing_socket(self) -> Path:
        return self._folder / "asked-refusing"

    async def open(self) -> None:
        """Listen; raises ``NotInstalled`` (slapd, python3-ldap) and ``DirectoryNodeFailed``."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._listener.open()
        try:
            await self._refusing.open()
            await self._begin()
        except BaseException:
            await self.close()
            raise

    async def run(self) -> None:
        """Keep slapd running, with the tenants and the certificate that there are; for ever."""
        while True:
            await self._clock.sleep(self._look_every_s)
            if self.pid and await self._wanted() == self._known:
                continue
            try:
                await self._begin()
                self._why = ""
            except HeliostatError as error:
                self._why = error.message
                log.warning("the LDAP server does not start: %s", error)
                await self._clock.sleep(AGAIN_AFTER_S)

    async def close(self) -> None:
        """End slapd, then the socket."""
        await self._stop()
        await self._listener.close()
        await self._refusing.close()

    async def _begin(self) -> None:
        """(Re)start slapd with a configuration of now; clients connect again by themselves."""
        await self._stop()
        suffixes, *_ = known = await self._wanted()
        folder = Folder(self._folder / "slapd")
        shutil.rmtree(folder.path, ignore_errors=True)
        files = await self._files()
        config = FaceConfig(
            folder=folder.path,
            socket=self.socket,
            refusing_socket=self._refusing_socket,
            suffixes=list(suffixes),
            chain=files.chain,
            key=files.key,
            authority=self._ca_file(),
            owner=(os.getuid(), os.getgid()),
        )
        for each in data_folders(config):
            each.mkdir(parents=True, mode=0o700)
        await prepare(folder, entries(config))
        (folder.path / "slapd.conf").write_text(_MECHANISMS)
        env = {"SASL_CONF_PATH": str(folder.path), **self._identity.acceptor.ldap_environment()}
        self._slapd = await start(
            folder, self._settings.urls, env=env, held=(self._refusing.fileno,)
        )
        self._known = known

    async def _stop(self) -> None:
        if self._slapd is not None:
            with contextlib.suppress(ProcessLookupError):
                await self._slapd.stop()
            self._slapd = None

    async def _wanted(self) -> tuple[tuple[str, ...], float]:
        """What a running slapd depends on."""
        tenants = await self._identity.tenants.list_tenants()
        suffixes = tuple(sorted({suffix_of(each.domain) for each in tenants}))
        return suffixes, (await self._files()).chain.stat().st_mtime

    async def _files(self) -> ServerFiles:
        return await self._identity.authority.issue_server(self._names)

    def _ca_file(self) -> Path:
        path = self._folder / "ca.pem"
        path.write_text(self._identity.authority.ca_pem)
        return path
