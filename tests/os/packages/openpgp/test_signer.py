"""Keys and signatures, judged by GnuPG."""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.os.packages.openpgp.armor import Block, dearmored
from heliostat.os.packages.openpgp.certificate import Keyring
from heliostat.os.packages.openpgp.keys import Digest, SecretKey
from heliostat.os.packages.openpgp.packets import mpi
from heliostat.os.packages.openpgp.signature import Signature
from heliostat.os.packages.openpgp.signer import PUBLIC_NAME, SECRET_NAME, Signer
from heliostat.testing.rpms import BUILT, signer

_LATER = BUILT + 1000


@dataclasses.dataclass(frozen=True)
class Gnupg:
    """GnuPG with a home of its own."""

    home: Path

    def gpg(self, *arguments: str, stdin: bytes | None = None) -> str:
        argv = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", *arguments]
        return run(argv, timeout_s=60, stdin=stdin).stdout

    def new_key(self, *details: str) -> bytes:
        """The public key of a new pair."""
        self.gpg("--passphrase", "", "--quick-gen-key", "A <a@example.invalid>", *details)
        return self.gpg("--armor", "--export", "a@example.invalid").encode()

    def sign(self, data: bytes, folder: Path, *options: str) -> bytes:
        (folder / "data").write_bytes(data)
        out = folder / "data.sig"
        self.gpg("--yes", *options, "-o", str(out), "--detach-sign", str(folder / "data"))
        return out.read_bytes()


@pytest.fixture
def gnupg(tmp_path: Path) -> Iterator[Gnupg]:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    (home / "gpg-agent.conf").write_text("s2k-count 1024\n")  # else it measures for seconds
    yield Gnupg(home)
    run(["gpgconf", "--homedir", str(home), "--kill", "all"], timeout_s=60)


def _gpgv(tmp_path: Path, key: bytes, signature: bytes, data: bytes) -> str:
    ring, made, signed = tmp_path / "ring", tmp_path / "made.asc", tmp_path / "signed"
    ring.write_bytes(dearmored(key, Block.PUBLIC_KEY)[0])
    made.write_bytes(signature)
    signed.write_bytes(data)
    return run(["gpgv", "--keyring", str(ring), str(made), str(signed)], timeout_s=60).stderr


def test_gpgv_accepts_a_detached_signature_and_no_other_data(tmp_path: Path) -> None:
    made = signer().sign_detached(b"metadata", _LATER)
    assert "Good signature" in _gpgv(tmp_path, signer().public_text, made, b"metadata")
    with pytest.raises(CommandFailed):
        _gpgv(tmp_path, signer().public_text, made, b"other metadata")


def test_the_same_data_and_time_give_the_same_signature() -> None:
    assert signer().sign(b"x", _LATER) == signer().sign(b"x", _LATER)
    assert signer().sign(b"x", _LATER) != signer().sign(b"x", _LATER + 1)


def test_no_signature_is_older_than_its_key(tmp_path: Path) -> None:
    """Verifiers refuse one that is, and SOURCE_DATE_EPOCH may lie years back."""
    made = signer().sign_detached(b"x", 0)
    assert Signature.read(dearmored(made, Block.SIGNATURE)[0]).created == BUILT
    assert "Good signature" in _gpgv(tmp_path, signer().public_text, made, b"x")


def test_a_key_is_made_once_and_guarded(tmp_path: Path) -> None:
    first = Signer.create(tmp_path / "keys", created=BUILT)
    assert Signer.create(tmp_path / "keys").fingerprint == first.fingerprint
    assert Signer.open(tmp_path / "keys").sign(b"x", _LATER) == first.sign(b"x", _LATER)
    assert stat.S_IMODE((tmp_path / "keys" / SECRET_NAME).stat().st_mode) == 0o600
    assert (tmp_path / "keys" / PUBLIC_NAME).read_bytes() == first.public_text


def test_without_a_key_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match="no signing key") as caught:
        Signer.open(tmp_path)
    assert caught.value.code == "SigningKeyMissing"
    assert "helio os key" in caught.value.hint


def test_a_damaged_key_is_told(tmp_path: Path) -> None:
    path = tmp_path / SECRET_NAME
    text = signer().secret_text.decode().splitlines()
    text[5] = text[5][::-1]
    path.write_text("\n".join(text))
    with pytest.raises(HeliostatError, match="damaged") as caught:
        Signer.open(tmp_path)
    assert caught.value.code == "SignatureInvalid"


def test_gnupg_takes_the_secret_key_and_signs_with_it(gnupg: Gnupg, tmp_path: Path) -> None:
    gnupg.gpg("--import", stdin=signer().secret_text)
    listed = gnupg.gpg("--list-secret-keys", "--with-colons")
    assert signer().fingerprint in listed
    made = Signature.read(gnupg.sign(b"data", tmp_path))
    assert signer().keyring.verify("data", b"data", made).key.key_id == signer().key_id
    exported = gnupg.gpg("--armor", "--export-secret-keys").encode()
    assert Signer.parse(exported).sign(b"x", _LATER) == signer().sign(b"x", _LATER)


@pytest.mark.parametrize(
    ("details", "passphrase", "told"),
    [
        (("rsa2048", "sign", "never"), "secret", "passphrase"),
        (("ed25519", "sign", "never"), "", "no RSA key"),
        (("rsa2048", "cert", "never"), "", "may not sign"),
    ],
)
def test_a_key_that_cannot_sign_for_us_says_why(
    gnupg: Gnupg, details: tuple[str, ...], passphrase: str, told: str
) -> None:
    asked = ["--pinentry-mode", "loopback", "--passphrase", passphrase]
    gnupg.gpg(*asked, "--quick-gen-key", "A <a@example.invalid>", *details)
    exported = gnupg.gpg(*asked, "--armor", "--export-secret-keys").encode()
    with pytest.raises(HeliostatError, match=told):
        Signer.parse(exported)


@pytest.mark.parametrize("kind", ["rsa2048", "ed25519"])
def test_signatures_of_gnupg_are_read(gnupg: Gnupg, tmp_path: Path, kind: str) -> None:
    ring = Keyring.parse(gnupg.new_key(kind, "sign", "never"))
    made = Signature.read(gnupg.sign(b"data", tmp_path))
    assert ring.verify("data", b"data", made).owner == "A <a@example.invalid>"
    with pytest.raises(HeliostatError, match="changed afterwards"):
        ring.verify("data", b"date", made)


def test_a_signing_subkey_counts_until_it_is_revoked(gnupg: Gnupg, tmp_path: Path) -> None:
    gnupg.new_key("ed25519", "cert", "never")
    fingerprint = _fingerprints(gnupg)[0]
    gnupg.gpg("--passphrase", "", "--quick-add-key", fingerprint, "ed25519", "sign", "never")
    subkey = _fingerprints(gnupg)[1]
    ring = Keyring.parse(gnupg.gpg("--armor", "--export").encode())
    assert set(ring.keys) == {subkey[-16:]}  # the primary key may only certify
    made = Signature.read(gnupg.sign(b"data", tmp_path))
    assert ring.verify("data", b"data", made).key.fingerprint == subkey
    gnupg.gpg(
        "--command-fd", "0", "--edit-key", fingerprint, stdin=b"key 1\nrevkey\ny\n0\n\ny\nsave\n"
    )
    assert Keyring.parse(gnupg.gpg("--armor", "--export").encode()).keys == {}


def _fingerprints(gnupg: Gnupg) -> list[str]:
    listed = gnupg.gpg("--list-keys", "--with-colons").splitlines()
    return [line.split(":")[9] for line in listed if line.startswith("fpr:")]


def test_a_signature_after_the_end_of_the_key_is_refused(gnupg: Gnupg, tmp_path: Path) -> None:
    early = ["--faked-system-time", "20260101T000000!"]
    gnupg.gpg(
        *early,
        "--passphrase",
        "",
        "--quick-gen-key",
        "A <a@example.invalid>",
        "ed25519",
        "sign",
        "1d",
    )
    ring = Keyring.parse(gnupg.gpg("--armor", "--export").encode())
    made = Signature.read(gnupg.sign(b"data", tmp_path, *early))
    assert ring.verify("data", b"data", made).expires == made.created + 86_400
    late = dataclasses.replace(ring.keys[made.issuer], expires=made.created)
    with pytest.raises(HeliostatError, match="expired"):
        Keyring({made.issuer: late}).verify("data", b"data", made)


def test_what_is_no_key_is_refused() -> None:
    for data in (b"", b"hello", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!\n"):
        with pytest.raises(HeliostatError):
            Keyring.parse(data)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_secret_key_whose_numbers_differ_is_refused(at: int) -> None:
    made = SecretKey.create(BUILT, 2048)
    numbers = made.material.private_numbers()
    first, second = sorted((numbers.p, numbers.q))
    parts = [numbers.d, first, second, pow(first, -1, second)]
    assert SecretKey.parse(_body(made, parts)).sign(bytes(32), Digest.SHA256)
    parts[at] += 2
    with pytest.raises(HeliostatError, match="don't belong together"):
        SecretKey.parse(_body(made, parts))


def _body(key: SecretKey, parts: list[int]) -> bytes:
    secret = b"".join(map(mpi, parts))
    return key.public.body + b"\0" + secret + (sum(secret) & 0xFFFF).to_bytes(2, "big")
