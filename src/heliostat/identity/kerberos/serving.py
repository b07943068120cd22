"""Kerberos on the network: the gate's ports, and the KDC behind it, for all realms of a site.

Realms are found when somebody asks for them and when one was made here; the KDC is begun again
with another set of realms, and when it has ended by itself.  ``close`` ends everything.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.kerberos import kdc as engine
from heliostat.identity.kerberos import messages
from heliostat.identity.kerberos.acceptor import Acceptor
from heliostat.identity.kerberos.database import Database
from heliostat.identity.kerberos.gate import Gate, Refusal, refused
from heliostat.identity.kerberos.kdc import Files, Kdc
from heliostat.identity.kerberos.messages import ErrorCode, KdcRequest, Kind
from heliostat.identity.kerberos.port import Answers, Port
from heliostat.identity.kerberos.records import KerberosRealm
from heliostat.identity.kerberos.told import Act, Attempt, Tell, tell_nobody
from heliostat.identity.names import subject_of
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms

LOOK_AGAIN_MS = 1_000
"""How often a request for a realm that is not known here makes us look for it."""
_CODES: dict[int, str] = {
    ErrorCode.CLIENT_UNKNOWN: "InvalidLoginCredentials",
    ErrorCode.CLIENT_REVOKED: "InvalidLoginCredentials",
    ErrorCode.PREAUTHENTICATION_FAILED: "InvalidLoginCredentials",
    ErrorCode.BAD_INTEGRITY: "InvalidLoginCredentials",
    ErrorCode.KEY_EXPIRED: "PasswordChangeNeeded",
}
"""What an error of Kerberos is called everywhere else."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """A realm, as the KDC has it."""

    domain: str
    document: KerberosRealm
    database: Database


class KerberosServer:
    """Answers for tickets, and lets ``acceptor`` have its services in every realm."""

    def __init__(
        self,
        realms: Realms,
        clock: Clock,
        folder: Path,
        acceptor: Acceptor,
    ) -> None:
        self._realms = realms
        self._acceptor = acceptor
        self.tell: Tell = tell_nobody
        """Hears of every sign-in with a password, and of every change of one."""
        self._clock = clock
        self._files = Files(folder)
        self._served: dict[str, Served] = {}
        self._unserved: dict[str, str] = {}
        self._kdc: Kdc | None = None
        self._one = asyncio.Lock()
        self._looked_ms = -LOOK_AGAIN_MS
        self._ports: list[Port] = []

    @property
    def files(self) -> Files:
        return self._files

    async def listen(self, host: str, port: int) -> Port:
        """Open the gate; raises ``OSError`` for a port that is taken."""
        return await self.open_port(host, port, self.answer)

    async def open_port(self, host: str, port: int, answers: Answers) -> Port:
        """Serve one protocol over UDP and TCP."""
        opened = await Port.open(host, port, answers)
        self._ports.append(opened)
        return opened

    async def answer(self, raw: bytes, address: str) -> bytes | None:
        """What a client gets; ``None`` for what is no request for a ticket."""
        try:
            request = messages.kdc_request(raw)
        except HeliostatError:
            return None
        try:
            return await self._answer(raw, request, address)
        except Refusal as refusal:
            told = refusal
        except HeliostatError as error:
            told = refused(error)
        now_ms = self._clock.now_ms()
        service = request.service or f"krbtgt/{request.realm}"
        return messages.error(told.code, request.realm, service, now_ms, told.told)

    async def _answer(self, raw: bytes, request: KdcRequest, address: str) -> bytes:
        served, realm = await self.served(request.realm)
        gate = self._gate(served, realm)
        try:
            answer = await gate.answer(await self._running(), raw, request)
        except Refusal as refusal:
            await self._told(served, request, refusal.code, address)
            raise
        if request.has_preauthentication:
            await self._told(served, request, messages.error_code(answer), address)
        return answer

    async def _told(
        self, served: Served, request: KdcRequest, code: int | None, address: str
    ) -> None:
        """Services with keytabs are not told of, nor what is no attempt yet."""
        if request.kind is not Kind.AS_REQUEST or "/" in request.client:
            return
        found = "" if code is None else _CODES.get(code)
        if found is not None:
            known = code != ErrorCode.CLIENT_UNKNOWN
            subject = subject_of(request.client, served.domain) if known else ""
            await self.tell(Attempt(Act.SIGN_IN, subject, found, address))

    async def served(self, name: str) -> tuple[Served, Realm]:
        """The realm of this name, as its tenant has it now; raises ``Refusal``."""
        for look in (True, False):
            found = self._served.get(name)
            realm = await self._realms.find(found.domain) if found is not None else None
            known = await realm.kerberos.find() if realm is not None else None
            if found is not None and realm is not None and known == found.document:
                return found, realm
            if look:
                await self._look()
        raise Refusal(ErrorCode.WRONG_REALM, "there is no such realm here")

    async def refresh(self) -> None:
        """Look for realms now, and serve what there is."""
        self._looked_ms = self._clock.now_ms() - LOOK_AGAIN_MS
        await self._look()

    async def _look(self) -> None:
        async with self._one:
            now_ms = self._clock.now_ms()
            if now_ms < self._looked_ms + LOOK_AGAIN_MS:
                return
            self._looked_ms = now_ms
            found = {
                document.name: (realm.options.domain, realm, document)
                for realm in await self._realms.all()
                if (document := await realm.kerberos.find()) is not None
            }
            same = found.keys() == self._served.keys() and all(
                self._served[name].document == document for name, (_, _, document) in found.items()
            )
            if not same:
                await self._begin(found)

    async def _begin(self, found: dict[str, tuple[str, Realm, KerberosRealm]]) -> None:
        """Serve these realms and no others, on databases that are made anew."""
        await self._end()
        self._served, self._unserved = {}, {}
        self._files.forget_others([realm.options.tenant for _, realm, _ in found.values()])
        made = {}
        for name, (domain, realm, document) in found.items():
            try:
                made[name] = await self._prepared(domain, realm, document)
            except HeliostatError as error:
                log.warning("the realm %s can't be served: %s", name, error)
                self._unserved[name] = error.message
        await self._acceptor.keep_ldap_keytab([found[name][1] for name in made])
        if made:
            self._kdc = await engine.start(self._files, [each.database for each in made.values()])
        self._served = made

    async def _prepared(self, domain: str, realm: Realm, document: KerberosRealm) -> Served:
        (master,) = realm.kerberos.opened(document.master, "K/M").values()
        folder = self._files.realm_folder(realm.options.tenant)
        self._files.write(0, [])
        database = Database(folder, document.name, master, self._files.environment)
        served = Served(domain, document, database)
        await self._gate(served, realm).prepare()
        await self._acceptor.make_services(realm)
        return served

    def _gate(self, served: Served, realm: Realm) -> Gate:
        return Gate(
            served.document, realm.kerberos, realm.directory, realm.services, served.database
        )

    async def _running(self) -> Kdc:
        kdc = self._kdc
        if kdc is not None and kdc.is_running:
            return kdc
        async with self._one:
            if self._kdc is None or not self._kdc.is_running:
                log.warning("krb5kdc has ended; it is begun again")
                databases = [each.database for each in self._served.values()]
                self._kdc = await engine.start(self._files, databases)
            return self._kdc

    @property
    def trouble(self) -> str:
        """Realms that get no tickets and why, a sentence; empty while all do."""
        return " ".join(
            f"The Kerberos realm {name} is not served: {why}"
            for name, why in sorted(self._unserved.items())
        )

    @property
    def kdc(self) -> Kdc:
        """The engine that runs now; raises ``KerberosUnavailable``."""
        if self._kdc is None:
            raise PermanentError("KerberosUnavailable", "No realm is served here.")
        return self._kdc

    async def close(self) -> None:
        for port in self._ports:
            await port.close()
        self._ports = []
        async with self._one:
            await self._end()

    async def _end(self) -> None:
        if self._kdc is not None:
            await self._kdc.stop()
            self._kdc = None
