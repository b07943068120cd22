"""Signatures of metadata, judged by librpm: the judge of packages, and in the image already.

``gpgv`` would add a program, libgcrypt and a key box to the image, ``sqv`` five megabytes.
librpm's keyring does the same, but its Python binding can't be given a detached signature.
So the library is called itself: functions that it has had, unchanged, since rpm 4.14.
"""

from __future__ import annotations

import ctypes

import rpm

from heliostat.core.openpgp import SIGNATURE, dearmored, packets
from heliostat.os.tdnf.change.certificate import certificates
from heliostat.os.tdnf.errors import INVALID_KEY_FILE, METADATA_SIGNATURE, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_SIGNATURE_PACKET = 2
_HASH_OF = 9  # pgpValType: PGPVAL_HASHALGO
# OpenPGP's numbers (RFC 9580, 9.5): SHA-256, SHA-384, SHA-512, SHA-224
_STRONG = (8, 9, 10, 11)
_TOLD = {
    1: "the signature can't be read",
    2: "the signature is not one of these bytes",
    3: "the key is not trusted",
    4: "it is by a key that gpgkey doesn't name",
}


def _library() -> ctypes.CDLL:
    # symbols of librpmio are found through the module that is linked with it
    library = ctypes.CDLL(rpm._rpm.__file__)
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    for name, result, arguments in (
        ("pgpPrtParams", ctypes.c_int, (ctypes.c_char_p, size, ctypes.c_uint, pointer)),
        ("pgpDigParamsAlgo", ctypes.c_uint, (pointer, ctypes.c_uint)),
        ("pgpDigParamsFree", pointer, (pointer,)),
        ("rpmPubkeyNew", pointer, (ctypes.c_char_p, size)),
        ("rpmPubkeyFree", pointer, (pointer,)),
        ("rpmGetSubkeys", pointer, (pointer, pointer)),
        ("rpmKeyringNew", pointer, ()),
        ("rpmKeyringFree", pointer, (pointer,)),
        ("rpmKeyringAddKey", ctypes.c_int, (pointer, pointer)),
        ("rpmKeyringVerifySig", ctypes.c_int, (pointer, pointer, pointer)),
        ("rpmDigestInit", pointer, (ctypes.c_int, ctypes.c_uint32)),
        ("rpmDigestUpdate", ctypes.c_int, (pointer, ctypes.c_char_p, size)),
        ("rpmDigestFinal", ctypes.c_int, (pointer, pointer, pointer, ctypes.c_int)),
        ("free", None, (pointer,)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Keyring:
    """Public keys, and the question whether one of them has signed something."""

    def __init__(self) -> None:
        self._library = _library()
        self._keyring = self._library.rpmKeyringNew()

    def __enter__(self) -> Keyring:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._library.rpmKeyringFree(self._keyring)

    def add(self, key: bytes, name: str) -> None:
        """All certificates in a file, armored or not.  Raises ``TdnfError`` 1505."""
        try:
            known = [self._add_certificate(each.octets) for each in certificates(key)]
        except ValueError as error:
            raise TdnfError(INVALID_KEY_FILE, f"{name} is no public key: {error}") from None
        if not any(known):
            raise TdnfError(INVALID_KEY_FILE, f"{name} has no public key that rpm can read.")

    def _add_certificate(self, certificate: bytes) -> bool:
        lib = self._library
        key = lib.rpmPubkeyNew(certificate, len(certificate))
        if not key:
            return False
        lib.rpmKeyringAddKey(self._keyring, key)
        count = ctypes.c_int()
        subkeys = lib.rpmGetSubkeys(key, ctypes.byref(count))
        if subkeys:
            for each in (ctypes.c_void_p * count.value).from_address(subkeys):
                lib.rpmKeyringAddKey(self._keyring, each)
                lib.rpmPubkeyFree(each)
            lib.free(subkeys)
        lib.rpmPubkeyFree(key)
        return True

    def verify(self, data: bytes, signature: bytes, name: str) -> None:
        """Raises ``TdnfError`` 2004 unless one of the signatures is of ``data`` by a key."""
        why = _TOLD[1]
        for packet in _signatures(signature):
            why = self._judged(data, packet)
            if not why:
                return
        raise TdnfError(METADATA_SIGNATURE, f"{name} is not what its owner signed: {why}.")

    def _judged(self, data: bytes, packet: bytes) -> str:
        """Why ``packet`` proves nothing; empty if it proves that ``data`` is a key's owner's."""
        lib, params = self._library, ctypes.c_void_p()
        kind = ctypes.c_uint(_SIGNATURE_PACKET)
        if lib.pgpPrtParams(packet, len(packet), kind, ctypes.byref(params)) or not params.value:
            return _TOLD[1]
        try:
            hashed_by = lib.pgpDigParamsAlgo(params, _HASH_OF)
            if hashed_by not in _STRONG:
                return "its hash proves nothing"
            digest = lib.rpmDigestInit(hashed_by, 0)
            lib.rpmDigestUpdate(digest, data, len(data))
            result = lib.rpmKeyringVerifySig(self._keyring, params, digest)
            lib.rpmDigestFinal(digest, None, None, 0)
            return _TOLD.get(result, _TOLD[2]) if result else ""
        finally:
            lib.pgpDigParamsFree(params)


def _signatures(data: bytes) -> list[bytes]:
    """Each signature packet: a key that is to replace another signs beside it."""
    found = []
    try:
        for block in dearmored(SIGNATURE, data):
            parts = list(packets(block))
            ends = [start for start, _, _ in parts[1:]] + [len(block)]
            for (start, kind, _), end in zip(parts, ends, strict=True):
                if kind == _SIGNATURE_PACKET:
                    found.append(block[start:end])
    except ValueError:
        # what came before the damage may do
        return found
    return found


def verify(data: bytes, signature: bytes, keys: Iterable[tuple[str, bytes]], name: str) -> None:
    """Raises ``TdnfError`` 2004 unless a key of ``keys`` (name and content) signed ``data``."""
    with Keyring() as keyring:
        for key_name, key in keys:
            keyring.add(key, key_name)
        keyring.verify(data, signature, name)
