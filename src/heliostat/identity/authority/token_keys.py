"""P-256 keys in a PKCS#11 token: made there, used there, never read out.

The library is loaded when the first key is asked for.  One session for each token and
process, used by one thread at a time: modules differ in what they allow beyond that.
"""

from __future__ import annotations

import secrets
import threading
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from heliostat.core.errors import PermanentError
from heliostat.identity.authority.options import TokenOptions

ID_BYTES = 16
_COORDINATE_BYTES = 32
_lock = threading.Lock()


class TokenKey(ec.EllipticCurvePrivateKey):
    """A private key whose token signs for it."""

    def __init__(self, id_: str, private: Any, public: ec.EllipticCurvePublicKey) -> None:
        self.token_id = id_
        self._private = private
        self._public = public

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        from pkcs11 import Mechanism, PKCS11Error

        algorithm = signature_algorithm.algorithm
        if isinstance(algorithm, Prehashed):
            digest = bytes(data)
        else:
            hashing = hashes.Hash(algorithm)
            hashing.update(data)
            digest = hashing.finalize()
        try:
            with _lock:
                raw = self._private.sign(digest, mechanism=Mechanism.ECDSA)
        except PKCS11Error as error:
            raise _unusable(f"it does not sign: {type(error).__name__}") from error
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        del algorithm, peer_public_key
        raise NotImplementedError("the authority's keys only sign")

    def private_numbers(self) -> NoReturn:
        raise NotImplementedError("the key does not leave its token")

    def private_bytes(self, encoding: Any, format: Any, encryption_algorithm: Any) -> NoReturn:
        del encoding, format, encryption_algorithm
        raise NotImplementedError("the key does not leave its token")

    def __copy__(self) -> TokenKey:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> TokenKey:
        del memo
        return self


def generate(options: TokenOptions) -> TokenKey:
    """A new key pair in the token; raises ``TokenUnusable``."""
    session = _session(options)
    from pkcs11 import Attribute, KeyType, PKCS11Error
    from pkcs11.util.ec import encode_named_curve_parameters

    id_ = secrets.token_bytes(ID_BYTES)
    try:
        with _lock:
            curve = session.create_domain_parameters(
                KeyType.EC,
                {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")},
                local=True,
            )
            curve.generate_keypair(
                id=id_,
                label="heliostat-authority",
                store=True,
                private_template={Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True},
            )
    except PKCS11Error as error:
        raise _unusable(f"it makes no key: {type(error).__name__}") from error
    return find(options, id_.hex())


def find(options: TokenOptions, id_: str) -> TokenKey:
    """The key with this id; raises ``TokenUnusable``."""
    session = _session(options)
    from pkcs11 import Attribute, ObjectClass, PKCS11Error

    try:
        with _lock:
            raw_id = bytes.fromhex(id_)
            private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=raw_id)
            public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, id=raw_id)
            point: bytes = public[Attribute.EC_POINT]
    except (PKCS11Error, ValueError) as error:
        raise _unusable(f"it has no key {id_[:40]}") from error
    # an OCTET STRING around the uncompressed point, which is what the point's bytes end with
    raw = point[-(2 * _COORDINATE_BYTES + 1) :]
    return TokenKey(id_, private, ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw))


@cache
def _session(options: TokenOptions) -> Any:
    try:
        import pkcs11
    except ImportError as error:
        raise _unusable("the Python package python-pkcs11 is not installed") from error
    try:
        pin = Path(options.pin_file).read_text().strip()
        token = pkcs11.lib(options.module).get_token(token_label=options.label)
        return token.open(rw=True, user_pin=pin)
    except OSError as error:
        raise _unusable(f"{options.pin_file} can't be read: {error.strerror}") from error
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        told = str(error) or type(error).__name__
        raise _unusable(f"{options.module}, token {options.label}: {told}") from error


def _unusable(why: str) -> PermanentError:
    return PermanentError("TokenUnusable", f"The hardware module can't be used: {why}.")
