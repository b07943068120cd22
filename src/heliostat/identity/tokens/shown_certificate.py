"""The certificate that an assertion shows (``x5c``; RFC 7515, 4.1.6).  Pure.

Only the first one is looked at: whether it is believed does not hang on what comes with it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cryptography import x509

LONGEST_CHARS = 8_192
LONGEST_CHAIN = 8


class NotShown(ValueError):
    """Why there is no certificate, in words that follow "refused:"."""


def certificate_in(header: Mapping[str, Any]) -> x509.Certificate:
    """The certificate of who signed; raises ``NotShown``."""
    chain = header.get("x5c")
    first = chain[0] if isinstance(chain, list) and chain else None
    if not isinstance(first, str) or len(first) > LONGEST_CHARS:
        raise NotShown("there is no certificate in its header")
    if not isinstance(chain, list) or len(chain) > LONGEST_CHAIN:
        raise NotShown(f"it shows more than {LONGEST_CHAIN} certificates")
    try:
        return x509.load_der_x509_certificate(base64.b64decode(first, validate=True))
    except (ValueError, binascii.Error) as error:
        raise NotShown("the certificate in its header can't be read") from error
