"""Showing a Kerberos ticket to a controller, and believing only one that proves itself (RFC 4559).

The ticket is the one that `kinit` has got, in the caller's own cache.  The library is loaded
by whoever signs in this way.
"""

from __future__ import annotations

import base64
import binascii
import importlib
from typing import Any

from heliostat.core.errors import HeliostatError

SCHEME = "Negotiate"
_SPNEGO = "1.3.6.1.5.5.2"


class Negotiation:
    """One message to ``HTTP/host``, and the answer to it; raises ``TicketNeeded``."""

    def __init__(self, host: str) -> None:
        self._gssapi = _library()
        self._host = host
        gssapi = self._gssapi
        try:
            self._context = gssapi.SecurityContext(
                name=gssapi.Name(f"HTTP@{host}", gssapi.NameType.hostbased_service),
                usage="initiate",
                mech=gssapi.OID.from_int_seq(_SPNEGO),
                flags=gssapi.RequirementFlag.mutual_authentication,
            )
            self._token: bytes = self._context.step() or b""
        except gssapi.exceptions.GSSError as error:
            raise HeliostatError(
                "TicketNeeded", f"There is no ticket for HTTP/{host}: {_sentence(error)}."
            ) from error

    @property
    def header(self) -> str:
        """The value of ``Authorization``."""
        return f"{SCHEME} {base64.b64encode(self._token).decode()}"

    def finish(self, answer: str) -> None:
        """Raise ``KerberosRefused`` unless the value of ``WWW-Authenticate`` proves the server."""
        scheme, _, text = answer.partition(" ")
        try:
            token = base64.b64decode(text.strip(), validate=True)
            if scheme.casefold() == SCHEME.casefold() and token:
                self._context.step(token)
        except (binascii.Error, self._gssapi.exceptions.GSSError) as error:
            raise self._unproven() from error
        if not self._context.complete:
            raise self._unproven()

    def _unproven(self) -> HeliostatError:
        return HeliostatError(
            "KerberosRefused", f"{self._host} has not proven that it is HTTP/{self._host}."
        )


def _library() -> Any:
    try:
        return importlib.import_module("gssapi")
    except ImportError as error:
        raise HeliostatError(
            "NotInstalled",
            f"The GSSAPI library of Python is not installed on this machine: {error}.",
            hint="Install the Debian package python3-gssapi and try again.",
        ) from error


def _sentence(error: Any) -> str:
    """The library's own words, without its numbers."""
    words = " ".join(str(error.gen_message()).split())
    return (words.rpartition("Minor (")[2].partition("): ")[2] or words).rstrip(".,")
