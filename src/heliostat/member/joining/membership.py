"""What a machine is a member of: one file that only root reads, written last of all.

Before the file says ``joined``, the machine is on its way: ``helio identity join`` without a
token goes on, ``helio identity leave`` takes back what was done.  Whoever changes it, or the
journal of changes, is ``alone``: the hourly timer runs beside people's commands.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write
from heliostat.member.joining.admission import Admission
from heliostat.member.joining.servers import DirectoryServers, KerberosServers
from heliostat.member.places import Machine

PRIVATE = 0o600
PLAIN = ("domain", "computer", "url", "issuer", "joined", "certificate_only")


@dataclass(frozen=True, slots=True)
class Membership:
    """A machine's place in a directory; ``url`` is the controller's."""

    domain: str
    computer: str
    url: str
    issuer: str
    joined: bool = False
    certificate_only: bool = False
    admission: Admission = Admission()  # noqa: RUF009 - a frozen value
    directory: DirectoryServers | None = None
    kerberos: KerberosServers | None = None
    workloads: tuple[tuple[str, str], ...] = ()
    """Programs whose certificates are kept: name and store."""
    keytab: str = ""
    """The machine's keys in the realm (base64); empty: it has none."""
    key: str = ""
    """Name of the latest of them."""
    elsewhere: bool = False
    """It has keys of another realm, which it keeps, with its settings of Kerberos."""
    leaving: bool = False
    """Not everything that joining changed is taken back yet."""
    account_ended: bool = False
    """Its account in an Active Directory domain is deleted or disabled."""
    written: str = ""
    """Of what was last made on the system; another one means that there is something newer."""


def read(machine: Machine) -> Membership | None:
    """What the machine is a member of; ``None`` for nothing.

    Raises ``StateError`` for a file that isn't one.
    """
    path = machine.membership
    try:
        fields = json.loads(path.read_bytes())
        return Membership(
            **{name: fields[name] for name in PLAIN},
            admission=_admission(fields["admission"]),
            directory=_directory(fields["directory"]),
            kerberos=_kerberos(fields["kerberos"]),
            workloads=tuple((str(name), str(store)) for name, store in fields["workloads"]),
            # files of before have none of these
            keytab=str(fields.get("keytab", "")),
            key=str(fields.get("key", "")),
            elsewhere=bool(fields.get("elsewhere", False)),
            leaving=bool(fields.get("leaving", False)),
            account_ended=bool(fields.get("account_ended", False)),
            written=str(fields.get("written", "")),
        )
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise _for_root(f"Only root reads {path}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error


def required(machine: Machine) -> Membership:
    """As ``read``; raises ``StateError`` for a machine that is a member of nothing."""
    found = read(machine)
    if found is None:
        raise PermanentError(
            "StateError",
            "This machine is a member of no directory.",
            hint="Get a token with `helio identity computer join-token NAME`, "
            "then `helio identity join TOKEN` here.",
        )
    return found


@contextmanager
def alone(machine: Machine) -> Iterator[None]:
    """One at a time joins, refreshes or leaves; the others wait.  Raises ``AccessForbidden``."""
    import fcntl  # POSIX only; the client, which has these commands, is not

    path = machine.membership_lock
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
    except PermissionError as error:
        raise _for_root(f"Only root changes what this machine is a member of ({path}).") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def keep(machine: Machine, membership: Membership) -> None:
    """Keep it; after this returns it survives a power cut."""
    content = json.dumps(asdict(membership), indent=1).encode()
    atomic_write(machine.membership, content, mode=PRIVATE)


def _admission(fields: dict[str, Any]) -> Admission:
    return Admission(
        groups=tuple(fields["groups"]),
        administrators=tuple(fields["administrators"]),
        ssh_passwords=bool(fields.get("ssh_passwords", False)),  # files of before have none
    )


def _directory(fields: dict[str, list[str]] | None) -> DirectoryServers | None:
    if fields is None:
        return None
    return DirectoryServers(
        servers=tuple(fields["servers"]),
        base=str(fields["base"]),
        bind_dn=str(fields["bind_dn"]),
        secret=str(fields["secret"]),
        backup=tuple(fields["backup"]),
        disabled=str(fields["disabled"]),
    )


def _kerberos(fields: dict[str, Any] | None) -> KerberosServers | None:
    if fields is None:
        return None
    return KerberosServers(
        realm=str(fields["realm"]),
        servers=tuple(fields["servers"]),
        password_servers=tuple(fields.get("password_servers", ())),
        service=str(fields.get("service", "")),
        key=str(fields.get("key", "")),
        log_in=bool(fields.get("log_in", False)),
    )


def _for_root(why: str) -> PermanentError:
    return PermanentError("AccessForbidden", why, hint="Run it as root, with sudo.")


def _damaged(path: Path) -> PermanentError:
    return PermanentError(
        "StateError",
        f"{path} is damaged.",
        hint="Remove it, and join again with a new token.",
    )
