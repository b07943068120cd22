"""People with a ticket are signed in by it: SPNEGO (RFC 4559), one message each way.

MIT's library judges the ticket with a keytab of the controller's own services, and answers for
the other side to judge us.  Then the ticket must be of this tenant's realm, must come from the
password that its owner has now, and must not have been shown before, on any controller.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.kerberos import tickets
from heliostat.identity.kerberos.keys import Keys, keytab
from heliostat.identity.kerberos.people import Standing
from heliostat.identity.kerberos.tickets import ApRequest, Ticket, refused
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.refusal import change_needed
from heliostat.identity.realm import Realm
from heliostat.identity.tokens.records import SpentAssertion, TokenKinds

_FORMAT = keytab("", "", (), 0)
MAX_TOKEN = 48 * 1024
SKEW_MS = 300_000
KIND, LDAP = "HTTP", "ldap"
_LDAP_KEYTAB = "ldap.keytab"
_LDAP_CONFIGURATION = """[libdefaults]
  default_realm = NONE.INVALID
  ignore_acceptor_hostname = true
  dns_lookup_kdc = false
  rdns = false
"""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Who has shown a ticket, and what proves us to the other side."""

    person: Person
    answer: bytes


class Acceptor:
    """Accepts tickets for the controller's own services.

    ``folder`` holds their keytabs; ``thumbprint`` is of the certificate that TLS shows.
    """

    def __init__(
        self,
        store: CloudStore,
        options: IdentityOptions,
        folder: Path,
        thumbprint: Callable[[], str],
    ) -> None:
        self._store = store
        self._folder = folder
        self._thumbprint = thumbprint
        urls = (options.base_url, *options.other_urls)
        hosts = dict.fromkeys(urlsplit(url).hostname or "" for url in urls)
        self.services = tuple(f"{KIND}/{host}" for host in hosts if host)
        servers = dict.fromkeys((*hosts, options.directory.host, *options.directory.names))
        self._ldap_services = tuple(f"{LDAP}/{host}" for host in servers if host)

    async def accept(self, realm: Realm, token: bytes, *, over_tls: bool) -> Accepted:
        """Whose ticket ``token`` brings.

        Raises ``KerberosRefused``, ``KerberosNotEnabled``, ``PasswordChangeNeeded``,
        ``NotInstalled``.
        """
        if len(token) > MAX_TOKEN:
            raise refused("it is too long")
        try:
            request = tickets.negotiated(token)
        except PermanentError as error:
            raise refused("it can't be read") from error
        name = (await realm.kerberos.get()).name
        keys = await self._keys(realm, request.service)
        path = await self._keytab(realm, name)
        bindings = f"tls-server-end-point:{self._thumbprint()}" if over_tls else ""
        initiator, answer = await asyncio.to_thread(_judged, path, token, bindings)
        ticket = tickets.opened(request, keys)
        if initiator != f"{ticket.client}@{name}" or ticket.realm != name or "/" in ticket.client:
            raise refused("it is of nobody here")
        person = await self._person(realm, ticket)
        await self._refuse_again(realm, request)
        return Accepted(person, answer)

    async def _person(self, realm: Realm, ticket: Ticket) -> Person:
        known = await realm.directory.kerberos_person(ticket.client)
        person = await realm.people.person(ticket.client)
        if known is None or person is None:
            raise refused("it is of nobody who may sign in")
        if known.standing is Standing.CHANGE_NEEDED:
            raise change_needed()
        if ticket.authenticated_ms < known.password_set_ms // 1000 * 1000:
            raise refused("the password has been changed since it was given")
        return person

    async def _refuse_again(self, realm: Realm, request: ApRequest) -> None:
        """A ticket is shown with another proof each time; the same one comes from a thief."""
        kind = TokenKinds.of(realm.options.tenant).spent_assertions
        shown = SpentAssertion(
            id=f"ticket.{request.fingerprint}", expires_ms=realm.now_ms() + 2 * SKEW_MS
        )
        try:
            await self._store.commit([kind.absent(shown.id)], kind.put(shown))
        except GuardFailed as error:
            raise refused("it was shown before") from error

    async def _keys(self, realm: Realm, service: str) -> dict[int, Keys]:
        if service not in self.services:
            raise refused("it is for another service")
        await self.make_services(realm)
        return dict(await realm.services.own_keys(service))

    async def make_services(self, realm: Realm) -> None:
        """Give the controller its services in a realm, where they are not there yet."""
        for service in (*self.services, *self._ldap_services):
            await realm.services.make_own(service)

    async def keep_ldap_keytab(self, realms: Sequence[Realm]) -> None:
        """Let LDAP servers of this machine open the tickets of these realms, and no others."""
        raw = _FORMAT
        for realm in realms:
            name = (await realm.kerberos.get()).name
            raw += (await self._keys_of(realm, name, self._ldap_services))[len(_FORMAT) :]
        self._keep(self._folder / _LDAP_KEYTAB, raw)
        self.ldap_environment()

    def ldap_environment(self) -> dict[str, str]:
        """What an LDAP server needs in its environment to accept tickets.

        It knows no realm as its own, so that every name that it sees says which one it is of.
        """
        configuration = self._folder / "ldap.conf"
        self._keep(configuration, _LDAP_CONFIGURATION.encode())
        keys = f"FILE:{self._folder / _LDAP_KEYTAB}"
        return {"KRB5_CONFIG": str(configuration), "KRB5_KTNAME": keys}

    async def _keytab(self, realm: Realm, name: str) -> Path:
        """The keytab of our own services in a realm, as they are now."""
        path = self._folder / f"{realm.options.tenant}.keytab"
        self._keep(path, await self._keys_of(realm, name, self.services))
        return path

    async def _keys_of(self, realm: Realm, name: str, services: Sequence[str]) -> bytes:
        raw = _FORMAT
        for service in services:
            made = keytab(name, service, await realm.services.own_keys(service), 0)
            raw += made[len(_FORMAT) :]
        return raw

    def _keep(self, path: Path, raw: bytes) -> None:
        if not path.exists() or path.read_bytes() != raw:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            atomic_write(path, raw, mode=0o600)


def _judged(path: Path, token: bytes, bindings: str) -> tuple[str, bytes]:
    """The principal behind a token, and the answer to it; raises ``KerberosRefused``."""
    gssapi = gssapi_library()
    told = None
    if bindings:
        kind, _, thumbprint = bindings.partition(":")
        data = f"{kind}:".encode() + bytes.fromhex(thumbprint.replace(":", ""))
        told = gssapi.raw.ChannelBindings(application_data=data)
    try:
        store = {"keytab": f"FILE:{path}", "rcache": "none:"}
        own = gssapi.Credentials(usage="accept", store=store)
        context = gssapi.SecurityContext(creds=own, usage="accept", channel_bindings=told)
        answer = context.step(token) or b""
        if not context.complete:
            raise refused("it needs more than one message")
        return str(context.initiator_name), answer
    except gssapi.exceptions.GSSError as error:
        raise refused(_sentence(error)) from error


def _sentence(error: Any) -> str:
    """The library's own words, without its numbers."""
    words = " ".join(str(error.gen_message()).split())
    return words.rpartition("Minor (")[2].partition("): ")[2].rstrip(".,") or words


def gssapi_library() -> Any:
    """The module ``gssapi``, when it is first needed; raises ``NotInstalled``."""
    if "KRB5_CONFIG" not in os.environ and not Path("/etc/krb5.conf").exists():
        os.environ["KRB5_CONFIG"] = os.devnull  # a keytab is all that an acceptor needs
    try:
        import gssapi
        import gssapi.raw
    except ImportError as error:
        raise PermanentError(
            "NotInstalled",
            f"The GSSAPI library of Python is not installed on this machine: {error}.",
            hint="Install the Debian package python3-gssapi and try again.",
        ) from error
    return gssapi
