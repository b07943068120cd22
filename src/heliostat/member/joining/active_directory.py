"""This machine as a member of an Active Directory domain, by the system's own adcli and sssd.

The domain's administrator lets it in once, with a password that only adcli hears (or with the
one-time password of a computer that was made before); from then on the machine proves itself
with the keytab that it got.  What is changed is journalled as with our own directory, so
``helio identity leave`` takes it back.  Going on after an interruption is joining again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from heliostat.core.errors import PermanentError
from heliostat.core.process import run
from heliostat.member.joining import membership
from heliostat.member.joining.active_directory_files import active_directory_conf, krb5_conf
from heliostat.member.joining.admission import Admission
from heliostat.member.joining.changes import Change, CommandChange, FileChange, Run, digest
from heliostat.member.joining.family import Family, family_of, packages_installed
from heliostat.member.joining.journal import Journal
from heliostat.member.joining.log_in import SSSD_CONF, forgotten, switched_on
from heliostat.member.joining.membership import Membership
from heliostat.member.joining.realm_files import KEYTAB, KRB5_CONF
from heliostat.member.joining.rewriting import rewrite
from heliostat.member.places import Machine

ADCLI_TIMEOUT_S = 120.0
LONGEST_COMPUTER = 15
"""Characters: a computer's account is a NetBIOS name."""
_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_COMPUTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,14}")

Tell = Callable[[str], None]
Hears = Callable[[Sequence[str], bytes], None]
"""Runs a program that reads a secret from its standard input."""


@dataclass(frozen=True, slots=True)
class DomainWishes:
    """What is to be joined, and how.

    ``user`` lets the machine in; without one its password is the one-time password of the
    computer.  ``controller`` and ``unit`` (a DN) are the domain's choice where empty.
    """

    domain: str
    computer: str
    user: str = ""
    controller: str = ""
    unit: str = ""
    admission: Admission = Admission()  # noqa: RUF009 - a frozen value

    def check(self) -> None:
        """Raises ``InvalidEntity``."""
        if not _DOMAIN.fullmatch(self.domain):
            raise _wrong(f"{self.domain[:80]!r} is no domain.")
        if not _COMPUTER.fullmatch(self.computer):
            raise _wrong(
                f"{self.computer[:80]!r} is no name of a computer: at most {LONGEST_COMPUTER} "
                "letters, digits and hyphens."
            )
        if self.controller and not re.fullmatch(r"[A-Za-z0-9.-]{1,253}", self.controller):
            raise _wrong(f"{self.controller[:80]!r} is no name of a machine.")
        for text in (self.user, self.unit):
            if text.startswith("-") or not (text.isprintable() or not text):
                raise _wrong(f"{text[:80]!r} can't be passed on.")


def hears_secret(argv: Sequence[str], secret: bytes) -> None:
    """The machine's own programs; raises ``CommandFailed``."""
    run(argv, timeout_s=ADCLI_TIMEOUT_S, stdin=secret)


class DomainMember:
    """This machine, on its way into a domain."""

    def __init__(
        self, machine: Machine, run: Run, hears: Hears = hears_secret, tell: Tell = lambda _: None
    ) -> None:
        self._machine = machine
        self._run = run
        self._hears = hears
        self._tell = tell
        self._journal = Journal(machine.changes, machine.root, run)

    def join(self, wishes: DomainWishes, password: str) -> Membership:
        """Become a member.

        Raises ``InvalidEntity``, ``StateError`` (member of another, or a keytab is there) and
        ``CommandFailed``, after which joining again goes on.
        """
        wishes.check()
        with membership.alone(self._machine):
            return self._joined(wishes, password)

    def _joined(self, wishes: DomainWishes, password: str) -> Membership:
        family = self._refuse(wishes)
        member = _membership(wishes)
        membership.keep(self._machine, member)
        self._make(self._before(wishes, family))
        self._tell(f"asking {wishes.controller or wishes.domain} to let {wishes.computer} in")
        self._hears(adcli(wishes, self._machine), password.encode())
        self._make(self._after(wishes, family))
        written = _name_of(self._settings(wishes, family))
        done = replace(_membership(wishes, joined=True), written=written)
        membership.keep(self._machine, done)
        return done

    def refresh(self) -> Membership:
        """Write settings anew that an older version has written; the domain is not asked.

        Raises ``MembershipUnchanged``, and ``StateError`` for a machine that is leaving.
        """
        with membership.alone(self._machine):
            member = membership.required(self._machine)
            if member.leaving or not member.joined:
                raise PermanentError(
                    "StateError", f"This machine is not wholly a member of {member.domain}."
                )
            wishes, family = _wishes_of(member), family_of(self._machine)
            changes = self._settings(wishes, family)
            if _name_of(changes) == member.written:
                return member
            for sentence in rewrite(self._journal, changes):
                self._tell(sentence)
            done = replace(member, written=_name_of(self._settings(wishes, family)))
            membership.keep(self._machine, done)
            return done

    def foreseen(self, wishes: DomainWishes) -> list[Change]:
        """What ``join`` would change."""
        wishes.check()
        family = self._refuse(wishes)
        asks = CommandChange(tuple(adcli(wishes, self._machine)), (), "the domain lets it in")
        return [*self._before(wishes, family), asks, *self._after(wishes, family)]

    def _settings(self, wishes: DomainWishes, family: Family) -> list[Change]:
        return [*self._before(wishes, family), *self._after(wishes, family)]

    def _refuse(self, wishes: DomainWishes) -> Family:
        present = membership.read(self._machine)
        if present is not None and (present.domain, present.issuer) != (wishes.domain, ""):
            raise PermanentError(
                "StateError",
                f"This machine is {present.computer} of {present.domain}.",
                hint="Leave it first: `helio identity leave`.",
            )
        if present is None and (self._machine.root / KEYTAB).exists():
            raise PermanentError(
                "StateError",
                f"There is a /{KEYTAB} already: this machine is in a Kerberos realm.",
                hint="Leave that realm, or move the file away.",
            )
        return family_of(self._machine)

    def _before(self, wishes: DomainWishes, family: Family) -> Iterator[Change]:
        installed = packages_installed(family, self._run)
        wanted = (*family.packages, *family.active_directory_packages)
        missing = tuple(each for each in wanted if each not in installed)
        if missing:
            why = "programs that ask the domain"
            yield CommandChange((*family.install, *missing), (), why, once=True)
        text = krb5_conf(wishes.domain, wishes.controller)
        yield FileChange(KRB5_CONF, text, 0o644, "where tickets come from")
        keytab = str(self._machine.root / KEYTAB)
        yield CommandChange((), ("rm", "-f", keytab), "the machine's keys go")
        yield forgotten(self._machine, wishes.domain)

    def _after(self, wishes: DomainWishes, family: Family) -> Iterator[Change]:
        text = active_directory_conf(
            wishes.domain, wishes.computer, wishes.controller, wishes.admission
        )
        yield FileChange(SSSD_CONF, text, 0o600, "which domain is asked, and who may log in")
        yield from switched_on(self._machine, family, wishes.admission)

    def _make(self, changes: Iterator[Change]) -> None:
        for change in changes:
            self._tell(change.why)
            self._journal.make([change])


def adcli(wishes: DomainWishes, machine: Machine) -> list[str]:
    """The program that asks the domain; its password comes by standard input."""
    argv = ["adcli", "join", "--domain", wishes.domain, "--stdin-password"]
    argv += ["--host-keytab", str(machine.root / KEYTAB), "--computer-name", wishes.computer]
    argv += ["--host-fqdn", f"{wishes.computer.lower()}.{wishes.domain}"]
    argv += ["--login-user", wishes.user] if wishes.user else ["--login-type", "computer"]
    argv += ["--domain-controller", wishes.controller] if wishes.controller else []
    return argv + (["--domain-ou", wishes.unit] if wishes.unit else [])


def _membership(wishes: DomainWishes, *, joined: bool = False) -> Membership:
    return Membership(
        domain=wishes.domain,
        computer=wishes.computer,
        url=f"ldap://{wishes.controller or wishes.domain}",
        issuer="",
        joined=joined,
        admission=wishes.admission,
    )


def _wishes_of(member: Membership) -> DomainWishes:
    host = member.url.removeprefix("ldap://")
    controller = host if host != member.domain else ""
    return DomainWishes(
        member.domain, member.computer, controller=controller, admission=member.admission
    )


def _name_of(changes: Iterable[Change]) -> str:
    """One for the settings; what is fetched once does not count."""
    return digest(each for each in changes if isinstance(each, FileChange) or not each.once)


def _wrong(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", why)
