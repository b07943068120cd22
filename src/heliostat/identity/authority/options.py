"""What an operator sets about the authority, with default, unit and reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network

from heliostat.core.settings import bounded


@dataclass(frozen=True, slots=True)
class TokenOptions:
    """Keys in a hardware module (PKCS#11) instead of sealed ones; for keys made from now on."""

    module: str = ""
    """Path of the module's library, e.g. /usr/lib/softhsm/libsofthsm2.so; empty: no module."""
    label: str = "heliostat"
    """Label of the token."""
    pin_file: str = ""
    """File with the user's PIN, readable by the controller only."""

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.module and not self.pin_file:
            yield "pin_file", "a module needs a file with the PIN of its token"


@dataclass(frozen=True, slots=True)
class ValidationOptions:
    """How ACME looks whether somebody controls a name."""

    http_port: int = bounded(80, 1, 65535)
    """TCP port that http-01 asks; others than 80 are for tests and closed networks."""
    tls_port: int = bounded(443, 1, 65535)
    """TCP port that tls-alpn-01 asks."""
    nameservers: tuple[str, ...] = ()
    """Name servers to ask, ADDRESS or ADDRESS:PORT; none: those of this machine."""
    reachable: tuple[str, ...] = ()
    """Networks (CIDR) that validation may reach beside what `identity.reach` lets all do, such as
    this machine; none: whoever may order a certificate can't make the controller talk to itself."""
    timeout_s: float = bounded(10.0, 0.1, 60.0)
    """Seconds for one look."""

    def faults(self) -> Iterator[tuple[str, str]]:
        for each in self.reachable:
            try:
                ip_network(each)
            except ValueError as error:
                yield "reachable", str(error)


@dataclass(frozen=True, slots=True)
class AcmeOptions:
    """How much ACME a domain may have; what each account may order an hour is its policy's."""

    accounts: int = bounded(10_000, 1, 1_000_000)
    """Accounts that are valid; a deactivated one makes room."""
    orders: int = bounded(20_000, 1, 1_000_000)
    """Orders that are kept: each for a week, whatever became of it."""
    pending: int = bounded(5_000, 90, 1_000_000)
    """Names in orders that got no certificate yet, each with a proof to wait for; for a week."""
    orders_an_hour: int = bounded(3_000, 1, 1_000_000)
    """New orders of all accounts together within an hour."""


@dataclass(frozen=True, slots=True)
class AuthorityOptions:
    """The certificate authority."""

    port: int = 0
    """TCP port where roots, revocation lists and OCSP are answered over plain HTTP, as certificates
    then say; 0 opens none, and they name the API's own address.  A new platform chooses one."""
    host: str = ""
    """Address to listen on for ``port``; empty: that of the API."""
    leaf_days: int = bounded(90, 1, 398)
    """Days that certificates of agents and controllers live."""
    crl_days: float = bounded(7.0, 0.01, 90.0)
    """Days that a revocation list is good for; it is signed again after a seventh of them."""
    ocsp_hours: float = bounded(12.0, 0.1, 168.0)
    """Hours that an OCSP answer is good for."""
    token: TokenOptions = field(default_factory=TokenOptions)
    """Keys in a hardware module."""
    validation: ValidationOptions = field(default_factory=ValidationOptions)
    """How ACME looks whether somebody controls a name."""
    acme: AcmeOptions = field(default_factory=AcmeOptions)
    """How much ACME a domain may have."""
    machine_certificates_an_hour: int = bounded(60, 1, 100_000)
    """Certificates that one computer may ask for within an hour, for itself and what runs on it; so
    many may a service account renew."""
    base_url: str = ""
    """Where certificates say that revocation lists and OCSP are; the server fills it in when it is
    empty."""
