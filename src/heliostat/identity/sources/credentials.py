"""What a source signs in with: unsealed in memory only, and shown to a server once a connection."""

from __future__ import annotations

from typing import NamedTuple

from heliostat.identity.sealing import Sealing
from heliostat.identity.sources.protocol.connection import Connection, Refused
from heliostat.identity.sources.protocol.reach import Unreachable
from heliostat.identity.sources.source import KEY_PLACE, PASSWORD_PLACE, Source


class Credentials(NamedTuple):
    """What a source signs in with; readable, so only in memory."""

    dn: str = ""
    password: str = ""
    certificate_pem: str = ""
    key_pem: str = ""


def unsealed(source: Source, sealing: Sealing) -> Credentials:
    """Raises ``SealBroken``."""
    password = key = ""
    if source.bind_password:
        place = PASSWORD_PLACE.format(id=source.id)
        password = sealing.unseal(source.bind_password, place).decode()
    if source.bind_key:
        key = sealing.unseal(source.bind_key, KEY_PLACE.format(id=source.id)).decode()
    return Credentials(source.bind_dn, password, source.bind_certificate_pem, key)


async def sign_in(connection: Connection, credentials: Credentials) -> None:
    """As the source's own account; nothing is asked for where it has none.

    Raises ``Unreachable``, also for a refusal: one more try with the same password would
    count against the account.
    """
    if credentials.dn and credentials.password:
        outcome = await connection.bind(credentials.dn, credentials.password)
        whom = credentials.dn
    elif credentials.certificate_pem:
        outcome, whom = await connection.bind_external(), "the certificate"
    else:
        return
    if outcome.code:
        raise Unreachable(str(Refused(f"signing in as {whom} was refused", outcome)))
