"""Joining a directory, staying a member, and leaving.

In this order, each step durable before the next: the machine's key, what it trusts and its
certificate, what it joins (``membership.json``, not yet ``joined``), the changes to the
system (their journal first), and ``joined``.  Whoever is interrupted runs the same command
again: the token is good for the same key until it ends, and once there is a
certificate none is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write
from heliostat.core.join_token import MachineToken, decode_machine
from heliostat.member import openssl
from heliostat.member.joining import membership
from heliostat.member.joining.admission import Admission
from heliostat.member.joining.asking import Asking
from heliostat.member.joining.changes import Change, Run, run_command
from heliostat.member.joining.computer_account import Credentials, end_account
from heliostat.member.joining.controller import Controller, Told
from heliostat.member.joining.family import system_name
from heliostat.member.joining.journal import Journal
from heliostat.member.joining.leaving import leave
from heliostat.member.joining.log_in import ENTRY
from heliostat.member.joining.membership import Membership
from heliostat.member.joining.plan import name_of_plan, planned
from heliostat.member.joining.realm_key import with_key
from heliostat.member.joining.rewriting import rewrite, superseded
from heliostat.member.joining.servers import DirectoryServers, suffix_of
from heliostat.member.joining.trust import keep_trust
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
            elif present.leaving:
                raise _half_left(present)
            ready = self._with_key(present, due=False)
            changes = planned(self._machine, ready, self._run)
            for sentence in superseded(self._journal, changes):
                self._tell(sentence)
            self._make(changes)
            written = name_of_plan(self._machine, ready)
            done = replace(ready, joined=True, leaving=False, written=written)
            membership.keep(self._machine, done)
            return done

    def foreseen(self, token: str, wishes: Wishes) -> list[Change]:
        """What ``join`` would change; servers are known once the token is used, and not before."""
        present = membership.read(self._machine)
        if not token:
            known = present or membership.required(self._machine)
            return planned(self._machine, known, self._run)
        asked = decode_machine(token)
        self._refuse_another(asked, present)
        unknown = DirectoryServers(("ldaps://…",), suffix_of(asked.domain), "…", "…")
        member = Membership(
            domain=asked.domain,
            computer=asked.computer,
            url=asked.url,
            issuer="",
            admission=wishes.admission,
            certificate_only=wishes.certificate_only,
            directory=unknown,
        )
        return planned(self._machine, member, self._run)

    def refresh(self) -> Membership:
        """Ask what is trusted now, and for a new certificate once a third of its life is left."""
        with self._alone():
            return self._refreshed()

    def _refreshed(self) -> Membership:
        asking = Asking.of(self._machine)
        member = asking.member
        if member.leaving:
            raise _half_left(member)
        due = is_due(openssl.certificate_of(asking.certificate))
        new = openssl.new_key() if due else b""
        request = _request(new, member.computer, member.domain) if new else ""
        told = asking.controller.refresh(
            member.domain, asking.proof(), request, system_name(self._machine)
        )
        self._keep(told, new)
        now = self._as_told(member, told, due=due)
        for fault in renewed(self._machine):
            self._tell(f"not renewed: {fault}")
        return self._written_anew(now)

    def leave(self, credentials: Credentials | None = None) -> list[str]:
        """Take back what joining changed; see ``leaving.leave``.

        With ``credentials`` the machine's account in its Active Directory domain ends first.
        """
        with self._alone():
            present = membership.read(self._machine)
            if credentials is not None and present is not None and not present.account_ended:
                self._tell(f"ending the account of {present.computer} in {present.domain}")
                end_account(self._machine, present, credentials, self._run)
                membership.keep(self._machine, replace(present, account_ended=True))
            return leave(self._machine, self._journal, self._tell)

    def _alone(self) -> AbstractContextManager[None]:
        return membership.alone(self._machine)

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

    def _as_told(self, member: Membership, told: Told, *, due: bool) -> Membership:
        """Servers come and go: what they are now is kept before anything is done about it."""
        directory = told.directory
        if directory is None and member.directory is not None:
            self._tell("the site offers no directory by LDAP now: log-in stays as it was")
            directory = member.directory
        elif directory is not None and not directory.secret and member.directory is not None:
            directory = replace(directory, secret=member.directory.secret)
        new = replace(member, issuer=told.issuer, directory=directory, kerberos=told.kerberos)
        if new != member:
            membership.keep(self._machine, new)
        return self._with_key(new, due=due)

    def _written_anew(self, member: Membership) -> Membership:
        """What is written about them, where it is of an older version or of other servers.

        Raises ``MembershipUnchanged``.
        """
        if not member.joined or name_of_plan(self._machine, member) == member.written:
            return member
        member = membership.required(self._machine)  # programs' certificates are kept in it, too
        for sentence in rewrite(self._journal, planned(self._machine, member, self._run)):
            self._tell(sentence)
        done = replace(member, written=name_of_plan(self._machine, member))
        membership.keep(self._machine, done)
        return done

    def _with_key(self, member: Membership, *, due: bool) -> Membership:
        if member.certificate_only or member.directory is None:
            return member
        found = with_key(self._machine, self._journal, member, due=due, tell=self._tell)
        if found != member:
            membership.keep(self._machine, found)
        return found

    def _make(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._tell(change.why)
            for path in self._journal.make([change]):
                self._tell(f"{path} is what somebody had changed since")


def _half_left(member: Membership) -> PermanentError:
    return PermanentError(
        "StateError",
        f"This machine is leaving {member.domain}.",
        hint="Go on with `helio identity leave`, or join again with a new token.",
    )


def _request(key: bytes, computer: str, domain: str) -> str:
    name = f"{computer}.{domain}"
    return openssl.signing_request(key, name, (name,))
