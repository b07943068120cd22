"""Which program a request of the token service comes from (RFC 6749, 2.3; RFC 7523).

A client proves itself as its settings say: not at all, with a secret (in a header or in the
form, whichever it is used to), or with an assertion under its key; never in two ways at once.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_plus

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.identity.clients.named import named_client
from heliostat.identity.clients.records import Client, Proof
from heliostat.identity.clients.secrets import is_secret_of
from heliostat.identity.directory.part import DirectoryPart
from heliostat.identity.tokens.assertions import ASSERTION_TYPE, Assertions, Proven


class ClientFields(msgspec.Struct, frozen=True, kw_only=True):
    """How a form says who sends it."""

    client_id: str = ""
    client_secret: str = ""
    client_assertion: str = ""
    client_assertion_type: str = ""


class ClientAuthentication:
    """Finds and proves clients of one tenant."""

    def __init__(self, directory: DirectoryPart, assertions: Assertions) -> None:
        self._directory = directory
        self._assertions = assertions

    async def client(self, fields: ClientFields) -> Client:
        """The client, proven as its settings say; raises ``InvalidClient``."""
        return (await self.credentialed(fields)).client

    async def credentialed(self, fields: ClientFields) -> Proven:
        """As ``client``, with what a service account has proven itself by."""
        if fields.client_assertion or fields.client_assertion_type:
            if fields.client_secret:
                raise _refused("A client proves itself in one way at a time.")
            if fields.client_assertion_type != ASSERTION_TYPE:
                raise _refused(f"Use {ASSERTION_TYPE} assertions.")
            return await self._assertions.proven(fields.client_assertion, fields.client_id)
        directory = self._directory
        client = await named_client(directory.store, directory.kinds.clients, fields.client_id)
        if client.proof is Proof.PRIVATE_KEY or client.is_service_account:
            raise _refused(f"{client.name} must sign an assertion.")
        if client.proof.has_secret:
            if not is_secret_of(client, fields.client_secret, directory.clock.now_ms()):
                raise _refused("The client's secret is missing or wrong.")
        elif fields.client_secret:
            raise _refused(f"{client.name} has no secret.")
        return Proven(client)

    async def proven(self, fields: ClientFields) -> Client:
        """As ``client``, but only one that has proven who it is."""
        client = await self.client(fields)
        if not client.proves_itself:
            raise PermanentError(
                "InvalidClient",
                "Only service accounts and clients with a secret or keys may ask this.",
                hint="Sign an assertion with the key of `helio service-account create`.",
            )
        return client


def with_header(fields: dict[str, str], authorization: str | None) -> dict[str, str]:
    """A form's fields with the client that a ``Basic`` header names (RFC 6749, 2.3.1).

    Raises ``InvalidClient`` for a header that can't be read, or that contradicts the form.
    """
    scheme, _, text = (authorization or "").strip().partition(" ")
    if scheme.casefold() != "basic":
        return fields
    try:
        pair = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _refused("The Authorization header can't be read.") from error
    name, colon, secret = pair.partition(":")
    client_id, client_secret = unquote_plus(name), unquote_plus(secret)
    if not colon or fields.get("client_id", client_id) != client_id:
        raise _refused("Header and form name two clients.")
    if fields.get("client_secret"):
        raise _refused("A client proves itself in one way at a time.")
    return {**fields, "client_id": client_id, "client_secret": client_secret}


def _refused(sentence: str) -> PermanentError:
    return PermanentError("InvalidClient", sentence)
