"""What an agent proves itself with and trusts, in the machine's certificate stores, too.

Programs on a host find the host's certificate as ``agent`` in the store ``machine``, and the
site's roots and revocation lists in theirs.  The agent's own files stay what it uses itself.
Entries of others are left alone; a machine whose stores can't be written is told of once.
"""

from __future__ import annotations

import asyncio
import logging
import os

from heliostat.agent.credentials import Credentials
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.member import openssl
from heliostat.member.contents import CERTIFICATE_FILE
from heliostat.member.joining.trust import keep_trust
from heliostat.member.places import Machine
from heliostat.member.stores import MACHINE, Stores

log = logging.getLogger(__name__)

ENTRY = "agent"
OWNER = "host-"
LOOK_EVERY_S = 300.0


async def keep_stores(files: Credentials, machine: Machine, clock: Clock) -> None:
    """Copy what is new, for as long as the agent runs; only root has stores to write."""
    if os.geteuid() != 0:
        return
    told = ""
    while True:
        try:
            await asyncio.to_thread(copy, files, machine)
            told = ""
        except (HeliostatError, OSError) as error:
            if str(error) != told:
                told = str(error)
                log.warning("the certificate stores of this machine are not kept: %s", error)
        await clock.sleep(LOOK_EVERY_S)


def copy(files: Credentials, machine: Machine) -> None:
    """Bring the stores up to date; raises ``HeliostatError`` and ``OSError``."""
    stores = Stores(machine)
    stores.prepare()
    roots = openssl.blocks(files.ca.read_bytes(), "CERTIFICATE")
    crls = openssl.blocks(files.crls.read_bytes(), "X509 CRL") if files.crls.exists() else []
    keep_trust(machine, [each.decode() for each in roots], [each.decode() for each in crls], OWNER)
    pair = files.identity.read_bytes()
    own = b"".join(openssl.blocks(pair, "CERTIFICATE"))
    entries = stores.entries(MACHINE)
    known = {each.name for each in entries.list()}
    if ENTRY not in known or entries.content(ENTRY, CERTIFICATE_FILE) != own:
        entries.put(ENTRY, own, b"".join(openssl.blocks(pair, "PRIVATE KEY")))
