"""ES256 signatures and P-256 keys for service accounts, without a library of our own.

The base install carries no cryptography.  What the machine has is used: the
``cryptography`` package where it is installed (it comes with the server), else
the ``openssl`` program.  Nothing is signed by code of ours: that would leak the
key through its timing.
"""

from __future__ import annotations

import base64
import importlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from heliostat.core.deferred import deferred
from heliostat.core.errors import HeliostatError

if TYPE_CHECKING:
    from heliostat.core import process
else:
    process = deferred("heliostat.core.process")

_TIMEOUT_S = 30.0
_COORDINATE_BYTES = 32


class KeyTool(Protocol):
    """Makes P-256 keys and signs with them; keys are PEM text (PKCS #8)."""

    def new_key(self) -> str: ...

    def public_key(self, private_pem: str) -> str: ...

    def sign(self, private_pem: str, data: bytes) -> bytes:
        """The signature over SHA-256 of ``data`` as DER."""


def key_tool() -> KeyTool:
    """What this machine offers; raises ``NotConfigured`` if it offers nothing."""
    try:
        return _Cryptography()
    except ImportError:
        pass
    program = shutil.which("openssl")
    if program is None:
        raise HeliostatError(
            "NotConfigured",
            "Signing in with a key needs the cryptography package or the openssl program.",
            hint="Install one: `pip install cryptography`, or openssl from your system.",
        )
    return _Openssl(program)


def sign_es256(tool: KeyTool, private_pem: str, data: bytes) -> str:
    """A JWS signature: the two numbers of the DER form side by side (RFC 7518, 3.4), base64url."""
    r, s = _numbers(tool.sign(private_pem, data))
    return base64url(r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big"))


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class _Cryptography:
    """The ``cryptography`` package, imported only here and only when it is there."""

    def __init__(self) -> None:
        self._ec: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.ec")
        self._hashes: Any = importlib.import_module("cryptography.hazmat.primitives.hashes")
        self._forms: Any = importlib.import_module("cryptography.hazmat.primitives.serialization")

    def new_key(self) -> str:
        key = self._ec.generate_private_key(self._ec.SECP256R1())
        forms = self._forms
        pem: bytes = key.private_bytes(
            forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()
        )
        return pem.decode()

    def public_key(self, private_pem: str) -> str:
        forms = self._forms
        pem: bytes = (
            self._load(private_pem)
            .public_key()
            .public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
        )
        return pem.decode()

    def sign(self, private_pem: str, data: bytes) -> bytes:
        signature: bytes = self._load(private_pem).sign(data, self._ec.ECDSA(self._hashes.SHA256()))
        return signature

    def _load(self, private_pem: str) -> Any:
        try:
            return self._forms.load_pem_private_key(private_pem.encode(), password=None)
        except (ValueError, TypeError) as error:
            raise _bad_key(str(error)) from error


class _Openssl:
    """The ``openssl`` program; the key passes through a file that only its owner may read."""

    def __init__(self, program: str) -> None:
        self._program = program

    def new_key(self) -> str:
        argv = [self._program, "genpkey", "-algorithm", "EC"]
        return process.run(
            [*argv, "-pkeyopt", "ec_paramgen_curve:P-256"], timeout_s=_TIMEOUT_S
        ).stdout

    def public_key(self, private_pem: str) -> str:
        argv = [self._program, "pkey", "-pubout"]
        return process.run(argv, timeout_s=_TIMEOUT_S, stdin=private_pem.encode()).stdout

    def sign(self, private_pem: str, data: bytes) -> bytes:
        with _private_file(private_pem) as path:
            argv = [self._program, "dgst", "-sha256", "-hex", "-sign", path]
            text = process.run(argv, timeout_s=_TIMEOUT_S, stdin=data).stdout
        return bytes.fromhex(text.rpartition("=")[2].strip())


@contextmanager
def _private_file(text: str) -> Iterator[str]:
    handle, path = tempfile.mkstemp(prefix="helio-", suffix=".pem")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(text)
        yield path
    finally:
        os.unlink(path)


def _numbers(der: bytes) -> tuple[int, int]:
    """The two INTEGERs of an ECDSA signature's SEQUENCE (all lengths are below 128)."""
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2 or der[2] != 0x02:
        raise _bad_key("it is not a P-256 key")
    r_end = 4 + der[3]
    if der[r_end] != 0x02:
        raise _bad_key("it is not a P-256 key")
    r, s = int.from_bytes(der[4:r_end], "big"), int.from_bytes(der[r_end + 2 :], "big")
    if max(r, s).bit_length() > _COORDINATE_BYTES * 8:
        raise _bad_key("it is not a P-256 key")
    return r, s


def _bad_key(why: str) -> HeliostatError:
    return HeliostatError(
        "InvalidSetting",
        f"The key can't be used to sign in: {why}.",
        hint="Make one with `helio service-account create NAME --key-file FILE`.",
    )
