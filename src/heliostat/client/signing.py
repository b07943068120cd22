"""Signatures and keys of service accounts, without a library of our own.

A key that is made here is P-256; one that is brought along may be RSA, P-384 or Ed25519, too.

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
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from heliostat.core.deferred import deferred
from heliostat.core.errors import HeliostatError

if TYPE_CHECKING:
    from heliostat.core import process
else:
    process = deferred("heliostat.core.process")

_TIMEOUT_S = 30.0
_COORDINATE_BYTES = {"ES256": 32, "ES384": 48}
_KINDS = {
    bytes.fromhex("06082a8648ce3d030107"): "ES256",  # prime256v1
    bytes.fromhex("06052b81040022"): "ES384",  # secp384r1
    bytes.fromhex("06092a864886f70d010101"): "RS256",  # rsaEncryption
    bytes.fromhex("06032b6570"): "EdDSA",  # Ed25519
}
"""How keys sign, by the object identifier that begins a public key (RFC 5280, 4.1)."""


class KeyTool(Protocol):
    """Makes P-256 keys and signs with keys of every kind; keys are PEM text (PKCS #8)."""

    def new_key(self) -> str: ...

    def public_key(self, private_pem: str) -> str: ...

    def sign(self, private_pem: str, data: bytes, algorithm: str) -> bytes:
        """The signature in the key's own form: DER of ECDSA, else the bytes themselves."""


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


def algorithm_of(tool: KeyTool, private_pem: str) -> str:
    """How a key signs (RFC 7518, 3.1): ES256, ES384, RS256 or EdDSA.

    Raises ``InvalidSetting`` for a key of another kind.
    """
    lines = tool.public_key(private_pem).strip().splitlines()[1:-1]
    try:
        head = base64.b64decode("".join(lines))[:32]
    except ValueError as error:
        raise _bad_key("it can't be read") from error
    for identifier, algorithm in _KINDS.items():
        if identifier in head:
            return algorithm
    raise _bad_key("it is none of P-256, P-384, RSA and Ed25519")


def signature(tool: KeyTool, private_pem: str, algorithm: str, data: bytes) -> str:
    """A JWS signature, base64url; of ECDSA the two numbers side by side (RFC 7518, 3.4)."""
    signed = tool.sign(private_pem, data, algorithm)
    size = _COORDINATE_BYTES.get(algorithm)
    if size is None:
        return base64url(signed)
    r, s = _numbers(signed, size)
    return base64url(r.to_bytes(size, "big") + s.to_bytes(size, "big"))


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class _Cryptography:
    """The ``cryptography`` package, imported only here and only when it is there."""

    def __init__(self) -> None:
        self._ec: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.ec")
        self._padding: Any = importlib.import_module(
            "cryptography.hazmat.primitives.asymmetric.padding"
        )
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

    def sign(self, private_pem: str, data: bytes, algorithm: str) -> bytes:
        key, hashes = self._load(private_pem), self._hashes
        how: dict[str, tuple[Any, ...]] = {
            "ES256": (self._ec.ECDSA(hashes.SHA256()),),
            "ES384": (self._ec.ECDSA(hashes.SHA384()),),
            "RS256": (self._padding.PKCS1v15(), hashes.SHA256()),
            "EdDSA": (),
        }
        signed: bytes = key.sign(data, *how[algorithm])
        return signed

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

    def sign(self, private_pem: str, data: bytes, algorithm: str) -> bytes:
        with _private_file(private_pem) as path:
            if algorithm == "EdDSA":
                return self._sign_whole(path, data)
            digest = "-sha384" if algorithm == "ES384" else "-sha256"
            argv = [self._program, "dgst", digest, "-hex", "-sign", path]
            text = process.run(argv, timeout_s=_TIMEOUT_S, stdin=data).stdout
        return bytes.fromhex(text.rpartition("=")[2].strip())

    def _sign_whole(self, key_path: str, data: bytes) -> bytes:
        """Ed25519 hashes nothing beforehand, and the program then reads and writes files."""
        with _private_file(data.decode("ascii")) as path, _private_file("") as out:
            argv = [self._program, "pkeyutl", "-sign", "-rawin", "-inkey", key_path]
            process.run([*argv, "-in", path, "-out", out], timeout_s=_TIMEOUT_S)
            return Path(out).read_bytes()


@contextmanager
def _private_file(text: str) -> Iterator[str]:
    handle, path = tempfile.mkstemp(prefix="helio-", suffix=".pem")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(text)
        yield path
    finally:
        os.unlink(path)


def _numbers(der: bytes, size: int) -> tuple[int, int]:
    """The two INTEGERs of an ECDSA signature's SEQUENCE (all lengths are below 128)."""
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2 or der[2] != 0x02:
        raise _bad_key("its signature can't be read")
    r_end = 4 + der[3]
    if der[r_end] != 0x02:
        raise _bad_key("its signature can't be read")
    r, s = int.from_bytes(der[4:r_end], "big"), int.from_bytes(der[r_end + 2 :], "big")
    if max(r, s).bit_length() > size * 8:
        raise _bad_key("its signature can't be read")
    return r, s


def _bad_key(why: str) -> HeliostatError:
    return HeliostatError(
        "InvalidSetting",
        f"The key can't be used to sign in: {why}.",
        hint="Make one with `helio service-account create NAME --key-file FILE`.",
    )
