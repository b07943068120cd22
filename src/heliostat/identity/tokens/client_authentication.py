"""Which program a request of the token service comes from (RFC 6749, 2.3; RFC 7523)."""

from __future__ import annotations

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.identity.directory.clients import named_client
from heliostat.identity.directory.part import DirectoryPart
from heliostat.identity.records import Client
from heliostat.identity.tokens.assertions import ASSERTION_TYPE, Assertions


class ClientFields(msgspec.Struct, frozen=True, kw_only=True):
    """How a form says who sends it."""

    client_id: str = ""
    client_assertion: str = ""
    client_assertion_type: str = ""


class ClientAuthentication:
    """Finds and proves clients of one tenant."""

    def __init__(self, directory: DirectoryPart, assertions: Assertions) -> None:
        self._directory = directory
        self._assertions = assertions

    async def client(self, fields: ClientFields) -> Client:
        """The client, proven where it has a key; raises ``InvalidClient``."""
        if fields.client_assertion or fields.client_assertion_type:
            if fields.client_assertion_type != ASSERTION_TYPE:
                raise PermanentError("InvalidClient", f"Use {ASSERTION_TYPE} assertions.")
            return await self._assertions.client(fields.client_assertion, fields.client_id)
        directory = self._directory
        client = await named_client(directory.store, directory.kinds.clients, fields.client_id)
        if client.is_service_account:
            raise PermanentError("InvalidClient", f"{client.name} must sign an assertion.")
        return client

    async def proven(self, fields: ClientFields) -> Client:
        """As ``client``, but only one that has proven who it is."""
        client = await self.client(fields)
        if not client.is_service_account:
            raise PermanentError(
                "InvalidClient",
                "Only service accounts may ask this.",
                hint="Sign an assertion with the key of `helio service-account create`.",
            )
        return client
