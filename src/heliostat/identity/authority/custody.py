"""Where the authority's private keys are: sealed in documents, or in a hardware module.

A key is named by a text: ``sealed:`` with what ``Sealing`` made of it, bound to the
document it lies in, or ``pkcs11:`` with the key's id in the token, which it never
leaves.  Loading gives what ``cryptography`` signs with, either way.
"""

from __future__ import annotations

import asyncio

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from heliostat.core.errors import PermanentError
from heliostat.identity.authority.options import TokenOptions
from heliostat.identity.sealing import Sealing

SEALED = "sealed:"
IN_TOKEN = "pkcs11:"  # noqa: S105 - the name of a place


class Custody:
    """Makes and loads; keeps what it has loaded."""

    def __init__(self, sealing: Sealing, token: TokenOptions) -> None:
        self._sealing = sealing
        self._token = token
        self._loaded: dict[str, ec.EllipticCurvePrivateKey] = {}

    @property
    def words(self) -> str:
        """Where new keys go, for people."""
        if self._token.module:
            return f"in the PKCS#11 token {self._token.label}"
        return f"sealed with {self._sealing.source}"

    async def new_key(self) -> ec.EllipticCurvePrivateKey:
        """A fresh P-256 key; raises ``TokenUnusable``."""
        if not self._token.module:
            return ec.generate_private_key(ec.SECP256R1())
        from heliostat.identity.authority import token_keys

        return await asyncio.to_thread(token_keys.generate, self._token)

    def keep(self, key: ec.EllipticCurvePrivateKey, place: str) -> str:
        """The name under which a key is kept; ``place`` is the document it will lie in."""
        id_ = getattr(key, "token_id", "")
        if id_:
            name = f"{IN_TOKEN}{id_}"
        else:
            plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            name = SEALED + self._sealing.seal(plain, place)
        self._loaded[name] = key
        return name

    async def load(self, name: str, place: str) -> ec.EllipticCurvePrivateKey:
        """Raises ``SealBroken``, and ``TokenUnusable`` when the module does not have it."""
        known = self._loaded.get(name)
        if known is not None:
            return known
        if name.startswith(IN_TOKEN):
            from heliostat.identity.authority import token_keys

            found: ec.EllipticCurvePrivateKey = await asyncio.to_thread(
                token_keys.find, self._token, name.removeprefix(IN_TOKEN)
            )
        else:
            found = self._unsealed(name, place)
        self._loaded[name] = found
        return found

    def _unsealed(self, name: str, place: str) -> ec.EllipticCurvePrivateKey:
        plain = self._sealing.unseal(name.removeprefix(SEALED), place)
        key = load_der_private_key(plain, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise PermanentError("CertificateInvalid", f"What is sealed for {place} is no key.")
        return key
