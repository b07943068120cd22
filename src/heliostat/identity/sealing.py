"""Secrets at rest: what has to be read again is kept sealed under a key beside the authority's.

AES-256-GCM under a key that every controller of a site has: from the environment, handed over by
systemd, or from ``seal.key`` (mode 0600) in the authority's folder.  There may be several, the
newest first, so that what older ones sealed is read until it is sealed anew.  A sealed text is
bound to where it lies, so that nobody who can write documents moves one person's secret to
another's.  Lives as long as the process; keeps nothing but keys.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.core.files import atomic_write, claimed, create_once

KEY_BYTES = 32
ENVIRONMENT = "HELIO_SEAL_KEY"
CREDENTIAL = "heliostat.seal-key"
"""Name of the credential that systemd hands over (``LoadCredentialEncrypted=``)."""
_NONCE_BYTES = 12
_VERSION = "1."
_NAMED = "2."
_NAME_CHARACTERS = 8


class Sealing:
    """Seals under the first key, unseals under each; ``source`` is where they come from."""

    def __init__(
        self,
        *keys: bytes,
        source: str = "a key that ends with the process",
        path: Path | None = None,
    ) -> None:
        self.source = source
        self._path = path
        self._set(keys)

    @property
    def name(self) -> str:
        """What sealed texts call the newest key; it tells nothing about it."""
        return self._name

    @property
    def names(self) -> tuple[str, ...]:
        """Those of all keys, the newest first."""
        return tuple(self._ciphers)

    @classmethod
    def open(cls, folder: Path, environ: Mapping[str, str] = os.environ) -> Sealing:
        """With the site's keys; the file is made at the first start.  Raises ``SealBroken``."""
        if told := environ.get(ENVIRONMENT):
            return cls(*_decoded(told.encode(), ENVIRONMENT), source=ENVIRONMENT)
        handed = Path(environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / CREDENTIAL
        if handed.exists():
            keys = _decoded(handed.read_bytes(), str(handed))
            return cls(*keys, source=f"the credential {CREDENTIAL}")
        path = folder / "seal.key"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            create_once(path, os.urandom(KEY_BYTES))  # of two first starts one's is everybody's
        return cls(*_in_file(path), source=str(path), path=path)

    @classmethod
    def passing(cls) -> Sealing:
        """With a key that ends with the process."""
        return cls(os.urandom(KEY_BYTES))

    def renew(self) -> None:
        """Seal under a new key from now on; older ones go on unsealing.

        Raises ``SealBroken`` for keys that are not in a file of ours: who gives them to us
        puts the new one before the old one.
        """
        path = self._path
        if path is None:
            raise PermanentError(
                "SealBroken",
                f"The sealing key comes from {self.source}, which is not ours to write.",
                hint="Put a new key before the old one there and restart; then seal anew.",
            )
        with claimed(path.with_name("seal.lock")) as alone:
            if not alone:
                raise TemporaryError("StoreUnavailable", "The sealing key is being renewed.")
            keys = [os.urandom(KEY_BYTES), *_in_file(path)]
            atomic_write(path, b"".join(keys), mode=0o600)
        self._set(keys)

    def is_current(self, sealed: str) -> bool:
        """Whether the newest key sealed it."""
        return sealed.startswith(f"{_NAMED}{self._name}.")

    def seal(self, plain: bytes, place: str) -> str:
        """``plain`` as text that only ``unseal`` with the same ``place`` reads."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._ciphers[self._name].encrypt(nonce, plain, place.encode())
        return f"{_NAMED}{self._name}.{base64.urlsafe_b64encode(sealed).decode()}"

    def unseal(self, sealed: str, place: str) -> bytes:
        """Raises ``SealBroken`` for what was sealed under another key or for another place."""
        name, text = "", sealed.removeprefix(_VERSION)
        if sealed.startswith(_NAMED):
            name, _, text = sealed.removeprefix(_NAMED).partition(".")
            if name not in self._ciphers:
                self._look_again()
        ciphers = [self._ciphers[name]] if name in self._ciphers else [*self._ciphers.values()]
        for cipher in ciphers:
            try:
                raw = base64.urlsafe_b64decode(text)
                return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode())
            except (InvalidTag, ValueError):
                continue
        raise PermanentError(
            "SealBroken", f"What is kept sealed for {place[:80]} was sealed under another key."
        )

    def _look_again(self) -> None:
        """Another controller may have renewed the key since, or somebody copied its file here."""
        if self._path is not None and self._path.exists():
            keys = _in_file(self._path)
            if {_name_of(each) for each in keys} >= set(self._ciphers):
                self._set(keys)

    def _set(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {_name_of(key): AESGCM(_derived(key, "seal")) for key in keys}
        self._name = _name_of(keys[0])
        self._proofs = [_derived(key, "proof") for key in keys]

    def proof(self, *parts: str) -> str:
        """A code that shows later that this site has said ``parts`` (HMAC, 43 characters)."""
        return self.proofs(*parts)[0]

    def proofs(self, *parts: str) -> tuple[str, ...]:
        """``proof`` under each key, the newest first: what was said before a renewal holds."""
        said = "\0".join(parts).encode(errors="replace")
        digests = (hmac.digest(key, said, "sha256") for key in self._proofs)
        return tuple(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in digests)


def _derived(key: bytes, purpose: str) -> bytes:
    """A key for one purpose (one block of HKDF-Expand; ``key`` is random already)."""
    return hmac.digest(key, purpose.encode() + b"\x01", hashlib.sha256)


def key_name(sealed: str) -> str:
    """What a sealed text calls its key; empty for one from before keys had names."""
    return sealed.removeprefix(_NAMED).partition(".")[0] if sealed.startswith(_NAMED) else ""


def _name_of(key: bytes) -> str:
    """What sealed texts call the key; it tells nothing about it."""
    return _derived(key, "name").hex()[:_NAME_CHARACTERS]


def _in_file(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    if not raw or len(raw) % KEY_BYTES:
        raise PermanentError("SealBroken", f"{path} is no key of {KEY_BYTES} bytes.")
    return [raw[at : at + KEY_BYTES] for at in range(0, len(raw), KEY_BYTES)]


def _decoded(text: bytes, source: str) -> list[bytes]:
    """Keys in base64, the newest first, with white space or commas between them."""
    try:
        keys = [base64.b64decode(each, validate=True) for each in text.replace(b",", b" ").split()]
    except ValueError as error:
        raise PermanentError("SealBroken", f"{source} holds no base64: {error}.") from error
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise PermanentError("SealBroken", f"{source} holds no key of {KEY_BYTES} bytes.")
    return keys
