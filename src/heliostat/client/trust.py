"""Whom a client trusts: TLS contexts from a CA in PEM.

There is no switch to turn verification off: a platform's own CA is one file,
and giving it is as short as turning the check off would be.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from heliostat.core.errors import HeliostatError


def context(ca_pem: str = "") -> ssl.SSLContext:
    """A verifying client context; trusts ``ca_pem`` alone, or the system's CAs without it."""
    try:
        made = ssl.create_default_context(cadata=ca_pem or None)
    except (ssl.SSLError, ValueError) as error:
        raise HeliostatError(
            "InvalidSetting",
            f"The CA is no certificate in PEM form: {error}.",
            hint="Give the file that begins with -----BEGIN CERTIFICATE-----.",
        ) from error
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def read_pem(path: Path) -> str:
    """The text of a CA file, checked to hold a certificate."""
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise HeliostatError(
            "InvalidSetting",
            f"The CA file {path} can't be read: {error}.",
            hint="Name a PEM file with --ca or HELIO_CA.",
        ) from error
    context(text)
    return text
