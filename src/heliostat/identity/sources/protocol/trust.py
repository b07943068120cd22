"""TLS with directory servers: whom we trust, and the certificate that we show."""

from __future__ import annotations

import os
import ssl

from heliostat.core.errors import PermanentError


def tls_context(roots_pem: str, certificate_pem: str = "", key_pem: str = "") -> ssl.SSLContext:
    """Certificates must come from ``roots_pem`` (empty: the machine's roots) and have the name.

    Raises ``InvalidEntity`` for PEM that is none.
    """
    try:
        context = ssl.create_default_context(cadata=roots_pem or None)
    except (ssl.SSLError, ValueError) as error:
        raise PermanentError(
            "InvalidEntity",
            "The trusted roots are no certificates.",
            hint="Give PEM: one or more -----BEGIN CERTIFICATE----- blocks.",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate_pem:
        _show(context, certificate_pem, key_pem)
    return context


def _show(context: ssl.SSLContext, certificate_pem: str, key_pem: str) -> None:
    """Load a certificate and its key, which only files can bring; this one is never on a disk."""
    held = os.memfd_create("certificate")
    try:
        os.write(held, f"{certificate_pem}\n{key_pem}".encode())
        context.load_cert_chain(f"/proc/self/fd/{held}", password=lambda: b"")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise PermanentError(
            "InvalidEntity",
            "The certificate to sign in with does not go with its key, or one of them is no PEM.",
        ) from error
    finally:
        os.close(held)
