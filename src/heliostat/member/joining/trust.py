"""What a member trusts, kept as its controller says: roots, revocation lists, one bundle.

Entries of ours begin with ``site-``; what an administrator of the machine put into the stores
stays.  Nothing is taken away before what is new is kept, so the machine trusts
somebody at every moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write
from heliostat.member import openssl
from heliostat.member.contents import CERTIFICATE_FILE
from heliostat.member.entries import Entries
from heliostat.member.places import Machine
from heliostat.member.stores import CRLS, ROOTS, Stores

OWN = "site-"


def keep_trust(
    machine: Machine, roots: Sequence[str], crls: Sequence[str], owner: str = OWN
) -> bool:
    """Keep roots and lists; whether anything changed.

    ``owner`` begins the names of what this caller looks after; it touches nothing else.
    Raises ``CertificateInvalid`` for what is none, and where no root at all is named.
    """
    if not roots:
        raise PermanentError(
            "CertificateInvalid", "The controller names no root, so nothing would be trusted."
        )
    stores = Stores(machine)
    changed = _keep(stores.entries(ROOTS), roots, owner)
    if changed or not machine.roots_bundle.exists():
        write_bundle(machine)
    return _keep(stores.entries(CRLS), crls, owner) or changed


def write_bundle(machine: Machine) -> None:
    """All trusted roots of the machine in one file; certificates alone, as everybody reads it."""
    entries = Stores(machine).entries(ROOTS)
    content = [
        block
        for each in entries.list()
        for block in openssl.blocks(entries.content(each.name, CERTIFICATE_FILE), "CERTIFICATE")
    ]
    atomic_write(machine.roots_bundle, b"".join(content), mode=0o644)


def forget_trust(machine: Machine) -> None:
    """Trust nobody any more whom the controller named."""
    stores = Stores(machine)
    for name in (ROOTS, CRLS):
        entries = stores.entries(name)
        for each in entries.list():
            if each.name.startswith(OWN):
                entries.delete(each.name)
    write_bundle(machine)


def _keep(entries: Entries, texts: Sequence[str], owner: str) -> bool:
    wanted = {owner + _digest(text): text.encode() for text in texts}
    present = {each.name for each in entries.list()}
    for name in wanted.keys() - present:
        entries.put(name, wanted[name])
    stale = {name for name in present - wanted.keys() if name.startswith(owner)}
    for name in stale:
        entries.delete(name)
    return bool(wanted.keys() - present or stale)


def _digest(text: str) -> str:
    """One for one content, however its lines are broken."""
    content = "".join(text.split()).encode()
    openssl.refuse_large(content)
    return hashlib.sha256(content).hexdigest()[:24]
