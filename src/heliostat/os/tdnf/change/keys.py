"""Who may sign what: packages of a repository are signed by a key that its ``gpgkey`` names.

A key for one repository does not speak for another: each file is verified with its own
repository's certificates, by rpm.  A certificate comes into rpm's database when the
person has agreed, once.  Where a repository names no key, and for files on the command
line, the keys of rpm's database count.
"""

from __future__ import annotations

import os

import rpm

from heliostat.os.tdnf.change.asking import agreed
from heliostat.os.tdnf.change.certificate import Certificate, certificates
from heliostat.os.tdnf.errors import (
    ABORTED,
    INVALID_KEY_FILE,
    KEY_NO_MATCH,
    NO_KEY,
    NO_KEY_CONFIGURED,
    NOT_SIGNED,
    TdnfError,
)
from heliostat.os.tdnf.metadata.keys import public_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.words import Words
    from heliostat.os.tdnf.metadata.cache import Cached
    from heliostat.os.tdnf.session import Session

# rpm's words for a signature by a key that it wasn't given
_NO_KEY_TOLD = "public key not available"
# signatures that cover the header, which holds the payload's digest; 278: OpenPGP, rpm 4.20
_SIGNATURES = (rpm.RPMTAG_RSAHEADER, rpm.RPMTAG_DSAHEADER, 278)


class Keys:
    """Keys of one run; what was fetched or read is remembered."""

    def __init__(self, session: Session, transaction: rpm.TransactionSet, words: Words) -> None:
        self._session = session
        self._transaction = transaction
        self._words = words
        self._named: dict[str, list[Certificate]] = {}
        self._known: set[str] | None = None

    def check(self, path: str, nevra: str, cached: Cached | None) -> None:
        """The package at ``path`` is signed by whom it must be.

        ``cached`` is the place of its repository, ``None`` for a file of the command line.
        Raises ``TdnfError`` 1510, 1514, 1523, 1474, or what is wrong with the key's file.
        """
        certificate = self.signer(path, nevra, cached)
        if certificate is not None and cached is not None:
            self._take_in(certificate, cached.repository.id)

    def signer(self, path: str, nevra: str, cached: Cached | None) -> Certificate | None:
        """As ``check``, without taking anything into rpm's database; ``None``: a key of it."""
        if cached is None or not cached.repository.gpgkey:
            self._check_by_database(path, nevra, cached)
            return None
        for certificate in self._of(cached):
            if self._verified(path, nevra, self._keyring(certificate, cached)):
                return certificate
        told = f"{nevra} is signed by a key that {cached.repository.id} doesn't name."
        keys = ", ".join(cached.repository.gpgkey)
        raise TdnfError(KEY_NO_MATCH, told, f"Nothing was changed; gpgkey names {keys}.")

    def _check_by_database(self, path: str, nevra: str, cached: Cached | None) -> None:
        if self._verified(path, nevra, self._transaction.getKeyring(True)):
            return
        if cached is None:
            told = f"{nevra} is signed by a key that rpm doesn't know."
            raise TdnfError(NO_KEY, told, "rpm --import KEY, or --nogpgcheck.")
        told = f"{cached.repository.id} wants signatures, but has no gpgkey to check {nevra} by."
        raise TdnfError(NO_KEY_CONFIGURED, told)

    def _verified(self, path: str, nevra: str, keyring: rpm.keyring) -> bool:
        """Whether a key of ``keyring`` signed it; ``TdnfError`` if nobody's could have."""
        # a transaction of its own: the root's one has the keys of every repository
        reader = rpm.TransactionSet("/")
        reader.setKeyring(keyring)
        self._words.take()
        try:
            with open(path, "rb") as file:
                header = reader.hdrFromFdno(file)
        except rpm.error as error:
            if str(error) == _NO_KEY_TOLD:
                return False
            reason = "; ".join(self._words.take()) or str(error)
            raise TdnfError(KEY_NO_MATCH, f"{nevra} is not what was signed: {reason}.") from None
        finally:
            self._words.take()
        if not any(header[tag] for tag in _SIGNATURES):
            raise TdnfError(NOT_SIGNED, f"{nevra} is not signed.")
        return True

    def _of(self, cached: Cached) -> list[Certificate]:
        """Certificates that the repository names."""
        id = cached.repository.id
        if id not in self._named:
            self._named[id] = [
                each
                for address, data in public_keys(self._session, cached)
                for each in _read(data, address)
            ]
        return self._named[id]

    def _keyring(self, certificate: Certificate, cached: Cached) -> rpm.keyring:
        """rpm's keyring of this one; read from a folder, because only then rpm sees subkeys."""
        folder = cached.path("keys", certificate.fingerprint)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "certificate.key")
        with open(path, "wb") as file:
            file.write(certificate.armored)
        rpm.addMacro("_keyring", "fs")
        rpm.addMacro("_keyringpath", folder)
        try:
            return rpm.TransactionSet("/").getKeyring(True)
        finally:
            rpm.delMacro("_keyringpath")
            rpm.delMacro("_keyring")
            os.unlink(path)
            os.rmdir(folder)

    def _take_in(self, certificate: Certificate, repository: str) -> None:
        """Imports the certificate into rpm's database, if the person agrees."""
        if certificate.fingerprint in self._in_database():
            return
        out = self._session.out
        out.line(f"importing key {certificate.fingerprint} ({certificate.owner}) of {repository}")
        if not agreed(self._session):
            raise TdnfError(ABORTED, f"The key of {repository} was not accepted.")
        try:
            self._transaction.pgpImportPubkey(certificate.octets)
        except rpm.error as error:
            told = f"rpm refuses the key {certificate.fingerprint}: {error}."
            raise TdnfError(INVALID_KEY_FILE, told) from None
        self._in_database().add(certificate.fingerprint)

    def _in_database(self) -> set[str]:
        """Fingerprints of keys that rpm's database has."""
        if self._known is None:
            self._known = set()
            for header in self._transaction.dbMatch("name", "gpg-pubkey"):
                for text in header[rpm.RPMTAG_PUBKEYS] or ():
                    self._known |= _fingerprints(text)
        return self._known


def _fingerprints(text: str | bytes) -> set[str]:
    from binascii import a2b_base64

    try:
        return {each.fingerprint for each in certificates(a2b_base64(text))}
    except ValueError:
        # subkeys that rpm keeps apart are no certificates
        return set()


def _read(data: bytes, address: str) -> list[Certificate]:
    try:
        return certificates(data)
    except ValueError as error:
        raise TdnfError(INVALID_KEY_FILE, f"{address} is not a key file: {error}") from None
