"""Signatures of metadata, judged by librpm: the judge of packages, and in the image already.

``gpgv`` would add a program, libgcrypt and a key box to the image, ``sqv`` five megabytes.
librpm's keyring does the same, but its Python binding can't be given a detached signature.
So the library is called itself: functions that it has had, unchanged, since rpm 4.14.
"""

from __future__ import annotations

import ctypes

import rpm

from heliostat.os.tdnf.errors import INVALID_KEY_FILE, METADATA_SIGNATURE, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
        ("pgpPubKeyCertLen", ctypes.c_int, (ctypes.c_char_p, size, pointer)),
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
        found = 0
        for block in _blocks(key):
            while block:
                length = ctypes.c_size_t()
                if self._library.pgpPubKeyCertLen(block, len(block), ctypes.byref(length)):
                    break
                found += self._add_certificate(block[: length.value])
                block = block[length.value :]
        if not found:
            raise TdnfError(INVALID_KEY_FILE, f"{name} is no public key.")

    def _add_certificate(self, certificate: bytes) -> int:
        lib = self._library
        key = lib.rpmPubkeyNew(certificate, len(certificate))
        if not key:
            return 0
        lib.rpmKeyringAddKey(self._keyring, key)
        count = ctypes.c_int()
        subkeys = lib.rpmGetSubkeys(key, ctypes.byref(count))
        if subkeys:
            for each in (ctypes.c_void_p * count.value).from_address(subkeys):
                lib.rpmKeyringAddKey(self._keyring, each)
                lib.rpmPubkeyFree(each)
            lib.free(subkeys)
        lib.rpmPubkeyFree(key)
        return 1

    def verify(self, data: bytes, signature: bytes, name: str) -> None:
        """Raises ``TdnfError`` 2004 unless one of the signatures is of ``data`` by a key."""
        why = _TOLD[1]
        for block in _blocks(signature):
            for packet in _packets(block):
                found = self._judged(data, packet)
                if not found:
                    return
                why = found
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


def _blocks(text: bytes) -> Iterator[bytes]:
    """The packets of every armored block (librpm reads those of keys only), or ``text``."""
    from binascii import Error, a2b_base64

    if b"-----BEGIN PGP" not in text:
        yield text
        return
    for block in text.split(b"-----BEGIN PGP")[1:]:
        lines = block.partition(b"-----END PGP")[0].replace(b"\r", b"").split(b"\n")
        # headers end with an empty line, the content with its check sum
        body = lines[lines.index(b"") + 1 :] if b"" in lines else []
        try:
            yield a2b_base64(b"".join(line for line in body if line[:1] != b"="))
        except Error:
            continue


def _packets(data: bytes) -> Iterator[bytes]:
    """Each signature packet: a key that is to replace another signs beside it."""
    while len(data) > 2:
        tag, head, size = data[0], 2, data[1]
        if tag & 0xC0 == 0xC0:
            kind = tag & 0x3F
            if 192 <= size < 224:
                head, size = 3, ((size - 192) << 8) + data[2] + 192
            elif size == 255:
                head, size = 6, int.from_bytes(data[2:6], "big")
        else:
            kind, width = (tag >> 2) & 0x0F, 1 << (tag & 3)
            if width == 8:
                head, size = 1, len(data) - 1
            else:
                head, size = 1 + width, int.from_bytes(data[1 : 1 + width], "big")
        if kind == _SIGNATURE_PACKET:
            yield data[: head + size]
        data = data[head + size :]


def verify(data: bytes, signature: bytes, keys: Iterable[tuple[str, bytes]], name: str) -> None:
    """Raises ``TdnfError`` 2004 unless a key of ``keys`` (name and content) signed ``data``."""
    with Keyring() as keyring:
        for key_name, key in keys:
            keyring.add(key, key_name)
        keyring.verify(data, signature, name)
