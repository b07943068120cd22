"""ACME's requests: flattened JWS with a nonce and the address they are for (RFC 8555, 6.2).

Pure.  Only signatures by public keys count; a header may not hold what changes the
meaning of others, and no member may occur twice.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from heliostat.identity.acme.problems import Problem

MAX_BODY_BYTES = 65_536
ALGORITHMS = ("ES256", "ES384", "RS256")
RSA_BITS = (2048, 8192)
RSA_EXPONENT_BYTES = 4
"""Longer ones are legal, and make each check of a signature a hundred times as slow."""
_HEADERS = frozenset({"alg", "nonce", "url", "jwk", "kid"})
_ENGINES: dict[str, Any] = {name: JWSRegistry.algorithms[name] for name in ALGORITHMS}
_KINDS: dict[str, type[ECKey] | type[RSAKey] | type[OKPKey]] = {"EC": ECKey, "RSA": RSAKey}
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
_CURVES = {"P-256": "ES256", "P-384": "ES384"}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it came; nothing of it is believed before ``verify``."""

    protected: str
    payload: str
    signature: bytes
    algorithm: str
    nonce: str
    url: str
    jwk: dict[str, Any] | None
    kid: str

    @property
    def is_read(self) -> bool:
        """Whether it only wants to see something (POST-as-GET)."""
        return self.payload == ""

    @property
    def content(self) -> dict[str, Any]:
        """The payload as a JSON object; raises ``Problem``."""
        return {} if self.is_read else json_object(decoded(self.payload), "The payload")

    def verify(self, jwk: dict[str, Any]) -> None:
        """Raises ``Problem`` unless the key ``jwk`` signed it."""
        if self.algorithm != _CURVES.get(jwk.get("crv", ""), "RS256"):
            raise Problem("badSignatureAlgorithm", "The key and its algorithm differ.")
        try:
            message = f"{self.protected}.{self.payload}".encode()
            proven = _ENGINES[self.algorithm].verify(message, self.signature, imported(jwk))
        except (JoseError, ValueError, TypeError) as error:
            raise Problem("malformed", "The signature can't be checked.") from error
        if not proven:
            raise Problem("malformed", "The signature is not by this key.")


def read(raw: bytes) -> Signed:
    """A request's body; raises ``Problem``."""
    return signed_of(json_object(raw, "The request"))


def signed_of(body: Any, *, inner: bool = False) -> Signed:
    """``inner``: a JWS within another needs no nonce (RFC 8555, 7.3.5)."""
    if not isinstance(body, dict) or set(body) != {"protected", "payload", "signature"}:
        raise Problem("malformed", "A request is a flattened JWS: protected, payload, signature.")
    if not all(isinstance(each, str) for each in body.values()):
        raise Problem("malformed", "The parts of a JWS are texts.")
    header = json_object(decoded(body["protected"]), "The protected header")
    if unknown := set(header) - _HEADERS:
        raise Problem("malformed", f"The header {sorted(unknown)[0][:40]!r} is not understood.")
    if ("jwk" in header) == ("kid" in header):
        raise Problem("malformed", "A request names its key by either jwk or kid.")
    if header.get("alg") not in ALGORITHMS:
        raise Problem("badSignatureAlgorithm", f"Sign with one of {', '.join(ALGORITHMS)}.")
    texts = {name: header.get(name, "") for name in ("nonce", "url", "kid")}
    if not all(isinstance(each, str) for each in texts.values()):
        raise Problem("malformed", "nonce, url and kid are texts.")
    if not inner and not texts["nonce"]:
        raise Problem("badNonce", "A request needs a nonce.")
    return Signed(
        protected=body["protected"],
        payload=body["payload"],
        signature=decoded(body["signature"]),
        algorithm=header["alg"],
        jwk=public_jwk(header["jwk"]) if "jwk" in header else None,
        **texts,
    )


def public_jwk(jwk: Any) -> dict[str, Any]:
    """The public members of a key, and no others; raises ``Problem``."""
    if not isinstance(jwk, dict) or jwk.get("kty") not in _MEMBERS:
        raise Problem("badPublicKey", "The key is neither EC nor RSA.")
    if set(jwk) & _PRIVATE:
        raise Problem("badPublicKey", "The key has private parts: throw it away.")
    members = _MEMBERS[jwk["kty"]]
    if not all(isinstance(jwk.get(name), str) for name in members):
        raise Problem("badPublicKey", "The key lacks a part.")
    public = {name: jwk[name] for name in members}
    imported(public)
    return public


def imported(jwk: dict[str, Any]) -> Any:
    """A key ready for use; raises ``Problem`` for weak and odd ones."""
    if jwk["kty"] == "EC" and jwk.get("crv") not in _CURVES:
        raise Problem("badPublicKey", f"Curves are {', '.join(_CURVES)}.")
    bits = int.from_bytes(decoded(jwk.get("n", ""))).bit_length()
    if jwk["kty"] == "RSA" and not RSA_BITS[0] <= bits <= RSA_BITS[1]:
        raise Problem("badPublicKey", f"RSA keys have {RSA_BITS[0]} to {RSA_BITS[1]} bits.")
    if len(decoded(jwk.get("e", ""))) > RSA_EXPONENT_BYTES:
        raise Problem("badPublicKey", "The exponent of an RSA key is a small number.")
    try:
        return _KINDS[jwk["kty"]].import_key(jwk)
    except (JoseError, ValueError, TypeError) as error:
        raise Problem("badPublicKey", "The key can't be read.") from error


def thumbprint(jwk: dict[str, Any]) -> str:
    """RFC 7638, SHA-256."""
    members = {name: jwk[name] for name in _MEMBERS[jwk["kty"]]}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return encoded(hashlib.sha256(text.encode()).digest())


def check_binding(binding: Any, jwk: dict[str, Any], url: str, mac_key: bytes) -> None:
    """Whether whoever has ``mac_key`` vouches for the account's key (RFC 8555, 7.3.4)."""
    header = binding_header(binding)
    if header.get("alg") != "HS256" or header.get("url") != url or "nonce" in header:
        raise Problem("malformed", "The external account binding is for something else.")
    message = f"{binding['protected']}.{binding['payload']}".encode(errors="replace")
    expected = hmac.digest(mac_key, message, "sha256")
    if not hmac.compare_digest(expected, decoded(binding["signature"])):
        raise Problem("unauthorized", "The external account binding is not by that key.")
    if public_jwk(json_object(decoded(binding["payload"]), "The binding")) != jwk:
        raise Problem("malformed", "The external account binding is for another key.")


def binding_header(binding: Any) -> dict[str, Any]:
    """Which key vouches (``kid``); raises ``Problem``."""
    if not isinstance(binding, dict) or not all(
        isinstance(binding.get(name), str) for name in ("protected", "payload", "signature")
    ):
        raise Problem("malformed", "The external account binding is a flattened JWS.")
    return json_object(decoded(binding["protected"]), "The binding's header")


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """base64url without padding; raises ``Problem``."""
    if "=" in text or len(text) > MAX_BODY_BYTES:
        raise Problem("malformed", "base64url is written without padding.")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem("malformed", "A part is no base64url.") from error


def json_object(raw: bytes, what: str) -> dict[str, Any]:
    """Raises ``Problem`` for anything else."""
    try:
        found = json.loads(raw, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Problem("malformed", f"{what} is no JSON.") from error
    if not isinstance(found, dict):
        raise Problem("malformed", f"{what} is no JSON object.")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member occurs twice")
    return dict(pairs)
