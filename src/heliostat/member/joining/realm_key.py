"""The machine's own key in its tenant's Kerberos realm: asked for when there is a newer one.

A machine without it is a member all the same, so a key that can't be had is told, and asked
for again at the next refresh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from heliostat.core.errors import HeliostatError
from heliostat.member.joining.asking import Asking
from heliostat.member.joining.journal import Journal
from heliostat.member.joining.membership import Membership
from heliostat.member.joining.realm_files import KEYTAB
from heliostat.member.places import Machine

Tell = Callable[[str], None]


def with_key(
    machine: Machine, journal: Journal, member: Membership, *, due: bool, tell: Tell
) -> Membership:
    """``member`` with the key that counts; ``due``: with a new one in any case.

    Keys of another realm stay where they are, and the machine gets none.
    """
    kerberos = member.kerberos
    if kerberos is None:
        return replace(member, keytab="", key="", elsewhere=False)
    if (machine.root / KEYTAB).exists() and journal.step_of(KEYTAB) is None:
        if not member.elsewhere:
            tell(f"/{KEYTAB} has keys of another realm: it stays, and {kerberos.realm} is not used")
        return replace(member, keytab="", key="", elsewhere=True)
    member = replace(member, elsewhere=False)
    if not kerberos.service:
        return replace(member, keytab="", key="")
    if member.keytab and member.key == kerberos.key and not due:
        return member
    try:
        asking = Asking.of(machine)
        made = asking.controller.key(member.domain, asking.proof())
    except HeliostatError as error:
        tell(f"no new key in {kerberos.realm}: {error.message}")
        return member
    now = replace(kerberos, key=made.name)
    return replace(member, kerberos=now, keytab=made.keytab, key=made.name)
