"""Every way in which a package can be wrong has its own sentence."""

from __future__ import annotations

import base64
import functools
import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.os.packages.openpgp.certificate import Keyring
from heliostat.os.packages.rpm.frame import lead, padded, place, read_front
from heliostat.os.packages.rpm.header import Entries
from heliostat.os.packages.rpm.reader import read
from heliostat.os.packages.rpm.signing import add_signature, sign
from heliostat.os.packages.rpm.tags import SignatureTag, Tag
from heliostat.os.packages.rpm.verify import verify
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.rpms import BUILT, signer, tiny


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    return write(tiny(), tmp_path, signer=signer()).path


@pytest.fixture
def trusting(tmp_path: Path) -> Path:
    """An rpm database that trusts the signer's key and no other."""
    key = tmp_path / "key.asc"
    key.write_bytes(signer().public_text)
    run(["rpmkeys", "--dbpath", str(tmp_path / "db"), "--import", str(key)], timeout_s=30)
    return tmp_path / "db"


def _told(path: Path, code: str) -> str:
    with pytest.raises(HeliostatError) as caught:
        verify(path, signer().keyring)
    assert caught.value.code == code
    assert path.name in caught.value.message
    return caught.value.message


def _changed(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_good_package_tells_its_signer(signed: Path, trusting: Path) -> None:
    verified = verify(signed, signer().keyring)
    assert verified.signer == signer().key_id
    assert verified.owner == "Tests <tests@example.invalid>"
    told = run(["rpmkeys", "--dbpath", str(trusting), "-Kv", str(signed)], timeout_s=30).stdout
    assert f"RSA/SHA512 Signature, key ID {signer().key_id[-8:].lower()}: OK" in told
    assert "Header SHA256 digest: OK" in told
    assert "Payload SHA256 digest: OK" in told
    assert "MD5" not in told
    assert "SHA1" not in told


def test_signing_afterwards_gives_what_writing_signed_gives(tmp_path: Path, signed: Path) -> None:
    plain = write(tiny(), tmp_path / "plain").path
    assert sign(plain, signer()).path.read_bytes() == signed.read_bytes()
    again = sign(plain, signer("Another <other@example.invalid>"), tmp_path / "other.rpm")
    assert sign(again.path, signer()).path.read_bytes() == signed.read_bytes()


def test_an_unsigned_package_is_whole_but_not_trusted(tmp_path: Path) -> None:
    path = write(tiny(), tmp_path).path
    assert verify(path, None).signer == ""
    assert "carries no signature" in _told(path, "PackageUnsigned")


def test_a_package_of_a_stranger_names_the_key(tmp_path: Path, trusting: Path) -> None:
    stranger = signer("Stranger <stranger@example.invalid>")
    path = write(tiny(), tmp_path, signer=stranger).path
    told = _told(path, "KeyUnknown")
    assert stranger.key_id in told
    assert signer().key_id in told
    with pytest.raises(CommandFailed):
        run(["rpmkeys", "--dbpath", str(trusting), "-K", str(path)], timeout_s=30)


def test_a_changed_payload_is_told(signed: Path, trusting: Path) -> None:
    _changed(signed, -1)
    assert "The payload of" in _told(signed, "PackageTampered")
    with pytest.raises(CommandFailed):
        run(["rpmkeys", "--dbpath", str(trusting), "-K", str(signed)], timeout_s=30)


def test_a_changed_header_is_told(signed: Path) -> None:
    place_ = signed.read_bytes().index(b"The package tiny")
    _changed(signed, place_)
    assert "The header of" in _told(signed, "PackageTampered")


def test_a_header_changed_together_with_its_digest_is_told_by_the_signature(
    tmp_path: Path, signed: Path
) -> None:
    other = write(tiny(summary="Something else"), tmp_path / "other").path
    with signed.open("rb") as good, other.open("rb") as bad:
        theirs, ours = read_front(good, "good"), read_front(bad, "bad")
        entries = Entries()
        for tag in (SignatureTag.SIZE, SignatureTag.PAYLOAD_SIZE):
            entries.integer(tag, ours.signature.integer(tag))
        entries.string(SignatureTag.SHA256, ours.signature.string(SignatureTag.SHA256))
        entries.binary(SignatureTag.RSA, theirs.signature.binary(SignatureTag.RSA))
        front = ours.lead + padded(entries.encode(SignatureTag.REGION))
        place(signed, front, ours.header.data, bad)
    assert "changed afterwards" in _told(signed, "SignatureInvalid")


@pytest.mark.parametrize("kept", [0, 3, 50, 96, 100, 300, 700, 1500, -1])
def test_a_download_that_was_cut_short_is_told(signed: Path, kept: int) -> None:
    signed.write_bytes(signed.read_bytes()[:kept])
    told = _told(signed, "PackageInvalid")
    assert "cut short" in told or "does not begin like one" in told


def test_bytes_after_the_end_are_told(signed: Path) -> None:
    signed.write_bytes(signed.read_bytes() + b"more")
    assert "4 bytes after its end" in _told(signed, "PackageTampered")


def test_something_else_is_no_package(tmp_path: Path) -> None:
    path = tmp_path / "page.rpm"
    path.write_text("<html>404</html>" * 100)
    assert "no RPM package" in _told(path, "PackageInvalid")


def _with_signature_header(path: Path, entries: Entries) -> None:
    with path.open("rb") as stream:
        front = read_front(stream, path.name)
        for tag in (SignatureTag.SIZE, SignatureTag.PAYLOAD_SIZE):
            entries.integer(tag, front.signature.integer(tag))
        signature = padded(entries.encode(SignatureTag.REGION))
        place(path, lead("tiny-1.0-1") + signature, front.header.data, stream)


def test_a_package_with_only_old_digests_is_refused(signed: Path) -> None:
    entries = Entries()
    entries.string(SignatureTag.SHA1, "0" * 40)
    entries.binary(SignatureTag.MD5, b"\0" * 16)
    _with_signature_header(signed, entries)
    assert "no SHA-256 of its header" in _told(signed, "DigestTooWeak")


def test_a_payload_without_a_digest_is_refused(tmp_path: Path) -> None:
    """As packages of RPM before 4.14 are: their payload is covered by MD5 alone."""
    path = write(tiny(), tmp_path).path
    with path.open("rb") as stream:
        front = read_front(stream, path.name)
        header = Entries()
        header.string(Tag.NAME, "tiny")
        data = header.encode(Tag.REGION)
        entries = Entries()
        entries.integer(SignatureTag.SIZE, len(data) + path.stat().st_size - front.header_end)
        entries.string(SignatureTag.SHA256, _sha256(data))
        add_signature(entries, data, signer(), BUILT)
        place(path, front.lead + padded(entries.encode(SignatureTag.REGION)), data, stream)
    assert "no SHA-256 of its payload" in _told(path, "DigestTooWeak")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_signature_by_sha1_is_refused(tmp_path: Path, signed: Path) -> None:
    """Made by gpg, which still makes them when told so."""
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
    run([*gpg, "--import"], timeout_s=60, stdin=signer().secret_text)
    with signed.open("rb") as stream:
        front = read_front(stream, signed.name)
    header = tmp_path / "header"
    header.write_bytes(front.header.data)
    made = tmp_path / "header.sig"
    try:
        run(
            [*gpg, "--digest-algo", "SHA1", "-o", str(made), "--detach-sign", str(header)],
            timeout_s=60,
        )
    finally:
        run(["gpgconf", "--homedir", str(home), "--kill", "all"], timeout_s=60)
    entries = Entries()
    entries.string(SignatureTag.SHA256, _sha256(front.header.data))
    entries.binary(SignatureTag.RSA, made.read_bytes())
    _with_signature_header(signed, entries)
    assert "below SHA-256" in _told(signed, "DigestTooWeak")


@pytest.mark.parametrize("kind", ["rsa2048", "ed25519"])
def test_packages_that_rpmsign_signed_are_verified(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    path = write(tiny(), tmp_path).path
    name = "A <a@example.invalid>"
    gpg = ["gpg", "--batch", "--quiet", "--passphrase", ""]
    try:
        run([*gpg, "--quick-gen-key", name, kind, "sign", "never"], timeout_s=60)
        exported = run([*gpg, "--armor", "--export", name], timeout_s=60).stdout
        defined = ["--define", f"_gpg_name {name}", "--define", "__gpg /usr/bin/gpg"]
        run(["rpmsign", *defined, "--addsign", str(path)], timeout_s=60)
    finally:
        run(["gpgconf", "--kill", "all"], timeout_s=60)
    assert verify(path, Keyring.parse(exported.encode())).owner == name
    assert sign(path, signer()).path == path  # and ours replaces it
    assert verify(path, signer().keyring).signer == signer().key_id


def test_a_signature_as_rpm_6_keeps_it_is_read(tmp_path: Path, signed: Path) -> None:
    with signed.open("rb") as stream:
        made = read_front(stream, signed.name).signature.binary(SignatureTag.RSA)
        header = read(signed).blob.data
    entries = Entries()
    entries.string(SignatureTag.SHA256, _sha256(header))
    entries.strings(SignatureTag.OPENPGP, [base64.b64encode(made).decode()])
    _with_signature_header(signed, entries)
    assert verify(signed, signer().keyring).signer == signer().key_id


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=300, deadline=None)
def test_no_damaged_byte_gets_through(where: float, bit: int) -> None:
    """Each is told, or (in the lead and in sizes that nobody needs) changes nothing."""
    good = _good()
    data = bytearray(good.read_bytes())
    data[int(where * len(data))] ^= 1 << bit
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / good.name
        path.write_bytes(data)
        try:
            verified = verify(path, signer().keyring)
        except HeliostatError:
            return  # told; any other exception would fail this test
        assert verified.header.blob.data == read(good).blob.data


@functools.cache
def _good() -> Path:
    return write(tiny(), Path(tempfile.mkdtemp()), signer=signer()).path


@pytest.mark.parametrize("version", [b"\x03", b"\x06"])
def test_a_signature_of_another_version_names_the_package(signed: Path, version: bytes) -> None:
    """Version 3 is obsolete; version 6 nobody writes into packages yet."""
    with signed.open("rb") as stream:
        front = read_front(stream, signed.name)
    made = front.signature.binary(SignatureTag.RSA)
    entries = Entries()
    entries.string(SignatureTag.SHA256, _sha256(front.header.data))
    entries.binary(SignatureTag.RSA, made[:3] + version + made[4:])
    _with_signature_header(signed, entries)
    assert "not of OpenPGP's version 4" in _told(signed, "SignatureInvalid")


def test_a_damaged_header_names_the_package(signed: Path) -> None:
    with signed.open("rb") as stream:
        start = read_front(stream, signed.name).header_start
    _changed(signed, start)
    assert "no RPM header" in _told(signed, "PackageInvalid")
