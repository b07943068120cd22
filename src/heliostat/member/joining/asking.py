"""A member asks its controller: who it is, where that is, and the proof for one call."""

from __future__ import annotations

import time
from dataclasses import dataclass

from heliostat.core.errors import PermanentError
from heliostat.member.contents import CERTIFICATE_FILE, KEY_FILE
from heliostat.member.joining import membership
from heliostat.member.joining.controller import Controller
from heliostat.member.joining.log_in import ENTRY
from heliostat.member.joining.membership import Membership
from heliostat.member.joining.proof import assertion
from heliostat.member.places import Machine
from heliostat.member.stores import MACHINE, Stores


@dataclass(frozen=True, slots=True)
class Asking:
    """All that a member's call needs; ``certificate`` is PEM, its own first."""

    member: Membership
    controller: Controller
    certificate: bytes
    key: bytes

    @classmethod
    def of(cls, machine: Machine) -> Asking:
        """Raises ``StateError`` for a machine that is no member of a directory of ours."""
        member = membership.required(machine)
        if not member.issuer:
            raise PermanentError(
                "StateError",
                f"{member.domain} is an Active Directory domain: it gives no certificates.",
                hint="What is needed there sssd renews by itself.",
            )
        entries = Stores(machine).entries(MACHINE)
        return cls(
            member,
            Controller(member.url, machine.roots_bundle.read_text()),
            entries.content(ENTRY, CERTIFICATE_FILE),
            entries.content(ENTRY, KEY_FILE),
        )

    def proof(self) -> str:
        """For one call."""
        member = self.member
        return assertion(member.computer, member.issuer, self.certificate, self.key, time.time())
