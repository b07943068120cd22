"""Where tickets are asked for: between the network and krb5kdc.

The gate knows who may have a ticket, shows the KDC the principals that a request names as they
are now, and counts what the KDC finds out about passwords where tokens and LDAP count theirs.
So a lockout, a disabled person or a new password counts for Kerberos from the same commit on.
"""

from __future__ import annotations

import logging

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.kerberos import messages, tickets
from heliostat.identity.kerberos.database import Database, Entry, Flag
from heliostat.identity.kerberos.kdc import Kdc
from heliostat.identity.kerberos.keys import Keys
from heliostat.identity.kerberos.messages import ErrorCode, KdcRequest, Kind
from heliostat.identity.kerberos.people import KerberosPeople, KerberosPerson, Standing
from heliostat.identity.kerberos.realm import TenantRealm
from heliostat.identity.kerberos.records import KerberosRealm
from heliostat.identity.kerberos.services import Services

PASSWORD_SERVICE = "kadmin/changepw"  # noqa: S105 - a principal
PASSWORD_TICKET_S = 300
log = logging.getLogger(__name__)


class Refusal(Exception):
    """A request that is answered with an error of Kerberos."""

    def __init__(self, code: ErrorCode, told: str = "") -> None:
        super().__init__(told or code.name)
        self.code = code
        self.told = told


class Gate:
    """The way to the tickets of one realm."""

    def __init__(
        self,
        realm: KerberosRealm,
        tenant: TenantRealm,
        people: KerberosPeople,
        services: Services,
        database: Database,
    ) -> None:
        self.realm = realm
        self._tenant = tenant
        self._people = people
        self._services = services
        self._database = database

    async def answer(self, kdc: Kdc, raw: bytes, request: KdcRequest) -> bytes:
        """The answer to one request; raises ``Refusal`` and errors of the parts."""
        person = None
        if request.kind is Kind.AS_REQUEST:
            person = await self._client(request)
        else:
            await self._refuse_ended(request)
        await self._service(request.service)
        answer = await kdc.ask(raw)
        if request.armored and request.kind is Kind.AS_REQUEST:
            await self._refuse_another(person, request, answer)
        if person is not None and request.has_preauthentication:
            await self._learn(person, answer)
        return answer

    async def _client(self, request: KdcRequest) -> KerberosPerson | None:
        """Who asks with a password; ``None`` for a service with its keytab."""
        if "/" in request.client:
            await self._service(request.client, ErrorCode.CLIENT_UNKNOWN)
            return None
        person = await self._people.kerberos_person(request.client)
        if person is None:
            raise Refusal(ErrorCode.CLIENT_UNKNOWN)
        if person.standing in (Standing.REVOKED, Standing.LOCKED):
            raise Refusal(ErrorCode.CLIENT_REVOKED, "disabled or locked")
        changing = request.service == PASSWORD_SERVICE
        if person.standing is Standing.CHANGE_NEEDED and not changing:
            raise Refusal(ErrorCode.KEY_EXPIRED, "the password has to be changed")
        keys = self._tenant.person_keys(self.realm, person.key, person.keys)
        if keys is None:
            raise Refusal(
                ErrorCode.CLIENT_UNKNOWN, "sign in or set a password once, then there are keys"
            )
        flags = Flag.PREAUTHENTICATION | Flag.NO_SERVICE
        await self._show(person.key, ((1, keys),), flags, person.password_set_ms // 1000)
        return person

    async def _refuse_ended(self, request: KdcRequest) -> None:
        """A ticket gets others for as long as a session would last: not for the disabled, nor
        with a password of before.  Whether it is genuine is the KDC's business."""
        if not request.shown:
            return  # the KDC says what it thinks of that
        try:
            shown = tickets.ap_request(request.shown)
            keys = self._tenant.opened(self.realm.tickets, "krbtgt")
            ticket = tickets.opened(shown, {1: keys})
        except PermanentError:
            return
        if "/" in ticket.client:
            await self._service(ticket.client, ErrorCode.CLIENT_REVOKED)
            return
        known = await self._people.kerberos_person(ticket.client)
        if known is None or known.standing is Standing.REVOKED:
            raise Refusal(ErrorCode.CLIENT_REVOKED, "disabled")
        if ticket.authenticated_ms < known.password_set_ms // 1000 * 1000:
            raise Refusal(ErrorCode.CLIENT_REVOKED, "the password has been changed since")

    async def _service(self, name: str, code: ErrorCode = ErrorCode.SERVER_UNKNOWN) -> None:
        """Show the KDC a service as it is."""
        if name == PASSWORD_SERVICE:
            return  # there since the database was made
        if name == self._tickets.name:
            await self._database.current(self._tickets)
            return
        versions = await self._services.keys(name)
        if versions is None:
            raise Refusal(code)
        await self._show(name, versions, Flag.NONE)

    async def _refuse_another(
        self, person: KerberosPerson | None, request: KdcRequest, answer: bytes
    ) -> None:
        """The KDC believes the name inside of an armor, which nobody has looked at here.

        All answers about others are the same one, so that nobody can guess at a password that
        way; and they count against who is named outside.
        """
        if messages.client_of(answer) == request.client:
            return
        if person is not None:
            await self._people.password_failed(person.key)
        raise Refusal(ErrorCode.GENERIC, "the armor holds another request")

    async def _learn(self, person: KerberosPerson, answer: bytes) -> None:
        """Count what the KDC found out about a password.

        Of guesses in parallel those after the lock are all told the same, right or wrong.
        """
        heard = True
        if messages.is_answer(answer):
            heard = await self._people.password_proven(person.key)
        elif messages.error_code(answer) in messages.WRONG_PASSWORD:
            heard = await self._people.password_failed(person.key)
        if not heard:
            raise Refusal(ErrorCode.CLIENT_REVOKED, "disabled or locked")

    async def _show(
        self, name: str, versions: tuple[tuple[int, Keys], ...], flags: Flag, set_s: int = 0
    ) -> None:
        await self._database.current(Entry(name, versions, flags, *self._lives, set_s))

    async def prepare(self) -> None:
        """Begin the database anew, with what is always in it."""
        changing = self._tenant.opened(self.realm.password_service, PASSWORD_SERVICE)
        flags = Flag.LOCKED_DOWN | Flag.PASSWORD_SERVICE
        service = Entry(PASSWORD_SERVICE, ((1, changing),), flags, PASSWORD_TICKET_S)
        await self._database.create(self._tickets, service)

    @property
    def _tickets(self) -> Entry:
        """What tickets are sealed with; they live no longer than it says."""
        keys = self._tenant.opened(self.realm.tickets, "krbtgt")
        name = f"krbtgt/{self.realm.name}"
        return Entry(name, ((1, keys),), Flag.LOCKED_DOWN, *self._lives)

    @property
    def _lives(self) -> tuple[int, int]:
        """Of tickets, and for how long they may be renewed: seconds."""
        lifetimes = self._tenant.options.lifetimes
        return int(lifetimes.ticket_s), int(lifetimes.ticket_renewable_s)


def refused(error: HeliostatError) -> Refusal:
    """What a client of Kerberos is told of an error of ours."""
    log.warning("a ticket could not be given: %s", error)
    return Refusal(ErrorCode.UNAVAILABLE, error.message)
