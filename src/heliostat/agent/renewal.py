"""Dialling with a certificate that is renewed before it ends.

While a link is up, its certificate is looked at when it begins and every hour.  Once
less than a third of its life is left, or another authority certifies hosts, the agent
asks for a new one over TLS with the present one, replaces its files and closes the link:
the agent dials again, with the new one.  At the same times it asks which authorities to
trust, and keeps them for the next dial: that is how a site changes its root.  An agent
that was away until its certificate ended must join again.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryptography.x509.oid import NameOID

from heliostat.agent.credentials import Credentials, new_key, signing_request
from heliostat.agentlink.client import Link, dial, fetch_trust, renew
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write

log = logging.getLogger(__name__)

CHECK_S = 3600.0


class Renewal:
    """An agent's ``dial`` that keeps the files in ``files`` renewed."""

    def __init__(self, files: Credentials, clock: Clock) -> None:
        self._files = files
        self._clock = clock

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[Link]:
        """A link, with the certificate as it is now; raises ``HeliostatError``."""
        context = self._files.context(self._clock.now_ms())
        async with dial(self._files.url, context) as link:
            keeping = asyncio.create_task(self._keep(link))
            try:
                yield link
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)

    async def _keep(self, link: Link) -> None:
        """Renew once, as soon as it is due; an attempt that fails is repeated in an hour."""
        while not await self._renewed():
            await self._clock.sleep(CHECK_S)
        await link.close()

    async def _renewed(self) -> bool:
        try:
            # not the link's: what is trusted may be more by now than when it was dialled
            context = self._files.context(self._clock.now_ms())
            issuer = await self._trusted(context)
            foreign = bool(issuer) and not self._files.is_by(issuer)
            if not foreign and not self._files.is_due(self._clock.now_ms()):
                return False
            old = self._files.certificate()
            (name,) = old.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            key = new_key()
            request = signing_request(key, str(name.value))
            answer = await renew(self._files.url, context, request)
            self._files.replace(key, answer["certificate"])
        except (HeliostatError, OSError) as error:
            log.warning("the certificate is not renewed yet: %s", error)
            return False
        end = self._files.certificate().not_valid_after_utc
        log.info("the certificate is renewed, until %s", f"{end:%Y-%m-%d}")
        return True

    async def _trusted(self, context: ssl.SSLContext) -> str:
        """Keep what is to be trusted now; gives who certifies hosts (empty: not told)."""
        told = await fetch_trust(self._files.url, context)
        if told is None:
            return ""
        if self._files.trust(told["ca"]):
            log.info("the authorities to trust are others from now on")
        crls = told["crls"].encode()
        if crls and not (self._files.crls.exists() and self._files.crls.read_bytes() == crls):
            atomic_write(self._files.crls, crls)
        return told["issuer"]
