"""The door to the controller: calls over TLS that trusts one authority and no other.

Standard library only, as a member machine may have nothing else of ours.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from heliostat.core.codes import CODES
from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError
from heliostat.member.joining.servers import DirectoryServers, KerberosServers

TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 32 << 20
"""With the lists of the root and of the domain, which may each be as long as a file here."""
BASE = "/v1/identity/tenants"


@dataclass(frozen=True, slots=True)
class Told:
    """What the controller says of this machine; ``certificate`` is empty: keep the present one."""

    computer: str
    domain: str
    issuer: str
    certificate: str
    roots: tuple[str, ...]
    crls: tuple[str, ...]
    directory: DirectoryServers | None
    kerberos: KerberosServers | None


@dataclass(frozen=True, slots=True)
class Identified:
    """A program's identity; ``token`` and ``certificate`` (PEM chain) where they were asked for."""

    spiffe_id: str
    token: str
    expires_ms: int
    certificate: str


@dataclass(frozen=True, slots=True)
class RealmKey:
    """The machine's keys in the realm: the name of the latest, and all of them (base64)."""

    name: str
    keytab: str


class Controller:
    """A controller at ``url``, proven by one of ``roots`` (PEM)."""

    def __init__(self, url: str, roots: str) -> None:
        self._parts = urlsplit(url)
        self._url = url
        self._context = ssl.create_default_context(cadata=roots)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2

    def join(self, domain: str, secret: str, request: str, operating_system: str) -> Told:
        """A certificate for a join token's secret; raises ``InvalidToken``, ``Unreachable``."""
        return self._machine(
            domain,
            "join",
            {"secret": secret, "request": request, "operatingSystem": operating_system},
        )

    def refresh(self, domain: str, assertion: str, request: str, operating_system: str) -> Told:
        """What is trusted now, and a new certificate for ``request`` (empty: none)."""
        return self._machine(
            domain,
            "refresh",
            {"assertion": assertion, "request": request, "operatingSystem": operating_system},
        )

    def key(self, domain: str, assertion: str) -> RealmKey:
        """A new key in the tenant's realm; raises ``AccessForbidden``, ``KerberosNotEnabled``."""
        answer = self._asked(domain, "key", {"assertion": assertion})
        try:
            return RealmKey(str(answer["key"]), str(answer["keytab"]))
        except (KeyError, TypeError) as error:
            raise self._unreachable("what answers there is no controller") from error

    def identify(
        self, domain: str, assertion: str, name: str, audience: tuple[str, ...], request: str
    ) -> Identified:
        """A token or a certificate for a program of this machine."""
        answer = self._asked(
            domain,
            "workloads",
            {"assertion": assertion, "name": name, "audience": audience, "request": request},
        )
        try:
            return Identified(
                spiffe_id=str(answer["spiffeId"]),
                token=str(answer.get("token", "")),
                expires_ms=int(answer.get("expiresTime", 0)),
                certificate=str(answer.get("certificate", "")),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._unreachable("what answers there is no controller") from error

    def _machine(self, domain: str, verb: str, body: dict[str, str]) -> Told:
        answer = self._asked(domain, verb, body)
        try:
            return _told(answer)
        except (KeyError, TypeError, AttributeError) as error:
            raise self._unreachable("what answers there is no controller") from error

    def _asked(self, domain: str, verb: str, body: Mapping[str, object]) -> Any:
        return self._post(f"{BASE}/{quote(domain, safe='')}/machines/{verb}", body)

    def _post(self, path: str, body: Mapping[str, object]) -> Any:
        connection = http.client.HTTPSConnection(
            self._parts.hostname or "",
            self._parts.port or 443,
            timeout=TIMEOUT_S,
            context=self._context,
        )
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read(MAX_ANSWER_BYTES)
        except ssl.SSLCertVerificationError as error:
            raise PermanentError(
                "CertificateInvalid",
                f"{self._url} can't prove to be the controller: {error.verify_message}.",
                hint="Get a new token from the administrator of the directory.",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(str(error) or type(error).__name__) from error
        finally:
            connection.close()
        try:
            read = json.loads(content)
        except ValueError as error:
            raise self._unreachable("what answers there is no controller") from error
        if answer.status != 200:
            raise _refused(read, answer.status)
        return read

    def _unreachable(self, why: str) -> TemporaryError:
        return TemporaryError(
            "Unreachable",
            f"The controller at {self._url} can't be reached: {why}.",
            hint="Check the network of this machine, then run the same command again.",
        )


def _told(answer: dict[str, Any]) -> Told:
    directory, kerberos = answer.get("directory"), answer.get("kerberos")
    return Told(
        computer=str(answer["computer"]),
        domain=str(answer["domain"]),
        issuer=str(answer["issuer"]),
        certificate=str(answer["certificate"]),
        roots=tuple(map(str, answer["roots"])),
        crls=tuple(map(str, answer.get("crls", ()))),
        directory=directory
        and DirectoryServers(
            servers=tuple(map(str, directory["servers"])),
            base=str(directory["base"]),
            bind_dn=str(directory["bindDn"]),
            secret=str(directory.get("secret", "")),
            disabled=str(directory["disabled"]),
            backup=tuple(map(str, directory.get("backup", ()))),
        ),
        kerberos=kerberos
        and KerberosServers(
            realm=str(kerberos["realm"]),
            servers=tuple(map(str, kerberos["servers"])),
            password_servers=tuple(map(str, kerberos.get("passwordServers", ()))),
            service=str(kerberos.get("service", "")),
            key=str(kerberos.get("key", "")),
            log_in=bool(kerberos.get("logIn", False)),
        ),
    )


def _refused(answer: Any, status: int) -> HeliostatError:
    """The controller's own error, with its code and hint."""
    told = answer if isinstance(answer, dict) else {}
    code = str(told.get("code", ""))
    message = str(told.get("message", f"The controller answered {status}."))
    kind = TemporaryError if status in (429, 502, 503) else PermanentError
    return kind(
        code if code in CODES else "InvalidAnswer", message, hint=str(told.get("hint", "")) or None
    )
