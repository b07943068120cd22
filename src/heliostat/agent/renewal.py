"""Dialling with a certificate that is renewed before it ends.

While a link is up, its certificate is looked at every hour.  Once less than a
third of its life is left, the agent asks for a new one over TLS with the present
one, replaces its files and closes the link: the agent dials again, with the new
one.  An agent that was away until its certificate ended must join again.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryptography.x509.oid import NameOID

from heliostat.agent.credentials import Credentials, new_key, signing_request
from heliostat.agentlink.client import Link, dial, renew
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError

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
            keeping = asyncio.create_task(self._keep(link, context))
            try:
                yield link
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)

    async def _keep(self, link: Link, context: ssl.SSLContext) -> None:
        """Renew once, as soon as it is due; an attempt that fails is repeated in an hour."""
        while not await self._renewed(context):
            await self._clock.sleep(CHECK_S)
        await link.close()

    async def _renewed(self, context: ssl.SSLContext) -> bool:
        try:
            if not self._files.is_due(self._clock.now_ms()):
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
