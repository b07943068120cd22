"""Joining a directory, staying a member, and leaving.

In this order, each step durable before the next: the machine's key, what it trusts and its
certificate, what it joins (``membership.json``, not yet ``joined``), the changes to the
system (their journal first), and ``joined``.  Whoever is interrupted runs the same command
again: the token is good for the same key until it ends, and once there is a
certificate none is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write
from heliostat.core.join_token import MachineToken, decode_machine
from heliostat.member import openssl
from heliostat.member.joining import log_in, membership
from heliostat.member.joining.asking import Asking
from heliostat.member.joining.changes import Change, Journal, Run, run_command
from heliostat.member.joining.controller import Controller, Told
from heliostat.member.joining.family import family_of, packages_installed, system_name
from heliostat.member.joining.log_in import ENTRY
from heliostat.member.joining.membership import Membership
from heliostat.member.joining.sssd import Admission, DirectoryServers, suffix_of
from heliostat.member.joining.trust import forget_trust, keep_trust
from heliostat.member.joining.upkeep import upkeep
from heliostat.member.joining.workloads import is_due, renewed
from heliostat.member.places import Machine
from heliostat.member.stores import MACHINE, Stores

PRIVATE = 0o600
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the administrator of the machine asks for."""

    admission: Admission = Admission()  # noqa: RUF009 - a frozen value
    certificate_only: bool = False


class Member:
    """This machine, as a member of a directory or on its way to be one."""

    def __init__(self, machine: Machine, run: Run = run_command, tell: Tell = lambda _: None):
        self._machine = machine
        self._run = run
        self._tell = tell
        self._journal = Journal(machine.changes, machine.root, run)

    def join(self, token: str, wishes: Wishes) -> Membership:
        """Become a member, or go on where an attempt before ended (then without a token).

        Raises ``InvalidToken``, ``StateError`` (member of another), ``Unreachable``,
        ``CertificateInvalid``, and what a change to the system raises.
        """
        with self._alone():
            Stores(self._machine).prepare()
            present = membership.read(self._machine)
            if token:
                present = self._begun(decode_machine(token), present, wishes)
            elif present is None:
                present = membership.required(self._machine)
            self._make(self.planned(present))
            done = replace(present, joined=True)
            membership.keep(self._machine, done)
            return done

    def foreseen(self, token: str, wishes: Wishes) -> list[Change]:
        """What ``join`` would change; servers are known once the token is used, and not before."""
        present = membership.read(self._machine)
        if not token:
            return self.planned(present or membership.required(self._machine))
        asked = decode_machine(token)
        self._refuse_another(asked, present)
        unknown = DirectoryServers(("ldaps://…",), suffix_of(asked.domain), "…", "…")
        return self.planned(
            Membership(
                domain=asked.domain,
                computer=asked.computer,
                url=asked.url,
                issuer="",
                admission=wishes.admission,
                certificate_only=wishes.certificate_only,
                directory=unknown,
            )
        )

    def planned(self, member: Membership) -> list[Change]:
        """What joining changes on this machine, beside its certificate stores."""
        kept = list(upkeep(sys.executable))
        if member.certificate_only or member.directory is None:
            return kept
        family = family_of(self._machine)
        installed = packages_installed(family, self._run)
        return [*kept, *log_in.changes_for(self._machine, member, family, installed)]

    def refresh(self) -> Membership:
        """Ask what is trusted now, and for a new certificate once a third of its life is left."""
        with self._alone():
            return self._refreshed()

    def _refreshed(self) -> Membership:
        asking = Asking.of(self._machine)
        member = asking.member
        due = is_due(openssl.certificate_of(asking.certificate))
        new = openssl.new_key() if due else b""
        request = _request(new, member.computer, member.domain) if new else ""
        told = asking.controller.refresh(
            member.domain, asking.proof(), request, system_name(self._machine)
        )
        self._keep(told, new)
        done = self._renewed(member, told)
        for fault in renewed(self._machine):
            self._tell(f"not renewed: {fault}")
        return done

    def leave(self) -> list[str]:
        """Take back what joining changed; gives where files lie that somebody had changed since."""
        with self._alone():
            return self._left()

    def _alone(self) -> AbstractContextManager[None]:
        return membership.alone(self._machine)

    def _left(self) -> list[str]:
        aside = self._journal.undo()
        present = membership.read(self._machine)
        if present is None or present.issuer:  # others gave it no certificate
            entries = Stores(self._machine).entries(MACHINE)
            if any(each.name == ENTRY for each in entries.list()):
                entries.delete(ENTRY)
            forget_trust(self._machine)
        self._machine.key_under_way.unlink(missing_ok=True)
        self._machine.membership.unlink(missing_ok=True)
        return aside

    def _begun(self, token: MachineToken, present: Membership | None, wishes: Wishes) -> Membership:
        """The membership of a token, with its certificate in the store."""
        self._refuse_another(token, present)
        self._tell(f"asking {token.url} for a certificate as {token.computer}")
        key = self._key()
        request = _request(key, token.computer, token.domain)
        controller = Controller(token.url, token.ca)
        told = controller.join(token.domain, token.secret, request, system_name(self._machine))
        member = Membership(
            domain=told.domain,
            computer=told.computer,
            url=token.url,
            issuer=told.issuer,
            admission=wishes.admission,
            certificate_only=wishes.certificate_only,
            directory=told.directory,
            kerberos=told.kerberos,
            workloads=present.workloads if present is not None else (),
        )
        self._keep(told, key)
        membership.keep(self._machine, member)
        self._machine.key_under_way.unlink(missing_ok=True)
        return member

    def _refuse_another(self, token: MachineToken, present: Membership | None) -> None:
        names = (token.domain, token.computer)
        if present is not None and (present.domain, present.computer) != names:
            raise PermanentError(
                "StateError",
                f"This machine is {present.computer} of {present.domain}.",
                hint="Leave it first: `helio identity leave`.",
            )

    def _key(self) -> bytes:
        """The key of an attempt before, which a token that was used is good for; else a new one."""
        path = self._machine.key_under_way
        if not path.exists():
            atomic_write(path, openssl.new_key(), mode=PRIVATE)
        return path.read_bytes()

    def _keep(self, told: Told, key: bytes) -> None:
        keep_trust(self._machine, told.roots, told.crls)
        if told.certificate:
            Stores(self._machine).entries(MACHINE).put(ENTRY, told.certificate.encode(), key)

    def _renewed(self, member: Membership, told: Told) -> Membership:
        """Servers come and go: what the system asks them by is written again."""
        directory = told.directory
        if directory is not None and not directory.secret and member.directory is not None:
            directory = replace(directory, secret=member.directory.secret)
        new = replace(member, issuer=told.issuer, directory=directory, kerberos=told.kerberos)
        if new != member:
            self._make(self.planned(new))
            membership.keep(self._machine, new)
        return new

    def _make(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._tell(change.why)
            self._journal.make([change])


def _request(key: bytes, computer: str, domain: str) -> str:
    name = f"{computer}.{domain}"
    return openssl.signing_request(key, name, (name,))
