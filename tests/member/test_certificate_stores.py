"""Certificate stores of a machine: what lies in them, who may use them, what a crash leaves."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from heliostat.cli.main import run as helio_run
from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.member import openssl
from heliostat.member.commands import cert
from heliostat.member.contents import CERTIFICATE_FILE, KEY_FILE
from heliostat.member.grants import Right
from heliostat.member.joining.trust import write_bundle
from heliostat.member.places import VARIABLE, Machine
from heliostat.member.stores import CRLS, MACHINE, ROOTS, Stores

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="acts as other users")
USER, OTHER = "games", "daemon"


def _as(user: str, *argv: str) -> str:
    ids = ["--reuid", user, "--regid", "nogroup", "--clear-groups"]
    return run(["setpriv", *ids, "--", *argv], timeout_s=20).stdout


@pytest.fixture(scope="module")
def pair() -> tuple[bytes, bytes]:
    return _pair("/CN=web.example", "subjectAltName=DNS:web.example,DNS:www.example")


@pytest.fixture(scope="module")
def other_pair() -> tuple[bytes, bytes]:
    return _pair("/CN=other.example")


def _pair(subject: str, extension: str = "") -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key"), Path(folder, "certificate")
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        argv += ["-nodes", "-days", "90", "-subj", subject, "-keyout", str(key)]
        argv += ["-out", str(certificate), *(["-addext", extension] if extension else [])]
        run(argv, timeout_s=20)
        return certificate.read_bytes(), key.read_bytes()


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A machine whose root other users may walk through, as they may through any."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    yield Machine(root)
    shutil.rmtree(root)


@pytest.fixture
def stores(machine: Machine) -> Stores:
    found = Stores(machine)
    found.prepare()
    return found


def test_a_machine_has_three_stores_from_the_start(stores: Stores) -> None:
    stores.prepare()  # again changes nothing
    assert [(each.name, each.fixed, each.entries) for each in stores.list()] == [
        (MACHINE, True, 0),
        (CRLS, True, 0),
        (ROOTS, True, 0),
    ]
    with pytest.raises(HeliostatError, match="InvalidOperation"):
        stores.delete(MACHINE)


def test_an_entry_is_replaced_as_a_whole(
    stores: Stores, pair: tuple[bytes, bytes], other_pair: tuple[bytes, bytes]
) -> None:
    stores.create("web")
    entries = stores.entries("web")
    first = entries.put("site", *pair)
    assert first.certificate is not None
    assert first.certificate.names == ("DNS:web.example", "DNS:www.example")
    opened = (first.folder / CERTIFICATE_FILE).open("rb")
    second = entries.put("site", *other_pair)
    assert second.certificate is not None
    assert second.certificate.subject == "CN=other.example"
    assert second.certificate.names == ()
    with opened:
        assert opened.read() == pair[0], "who has the old one open reads it to its end"
    assert entries.content("site", KEY_FILE) == other_pair[1]
    versions = [each.name for each in first.folder.parent.iterdir()]
    assert len(versions) == 2, f"the link and its version alone: {versions}"
    assert entries.delete("site").name == "site"
    assert list(first.folder.parent.iterdir()) == []


@pytest.mark.parametrize("at", ["mkdir", "symlink_to", "replace"])
def test_killed_while_writing_leaves_the_old_pair(
    stores: Stores,
    pair: tuple[bytes, bytes],
    other_pair: tuple[bytes, bytes],
    monkeypatch: pytest.MonkeyPatch,
    at: str,
) -> None:
    stores.create("web")
    entries = stores.entries("web")
    entries.put("site", *pair)

    def killed(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, at, killed)
        with pytest.raises(KeyboardInterrupt):
            entries.put("site", *other_pair)
    assert entries.content("site", KEY_FILE) == pair[1]
    assert [each.name for each in entries.list()] == ["site"]
    entries.put("site", *other_pair)
    left = [each.name for each in entries.get("site").folder.parent.iterdir()]
    assert len(left) == 2, f"nothing of the killed writer stays: {left}"


def test_what_does_not_belong_into_a_store_is_refused(
    stores: Stores, pair: tuple[bytes, bytes], other_pair: tuple[bytes, bytes]
) -> None:
    stores.create("web")
    entries = stores.entries("web")
    bad: list[tuple[str, Callable[[], object]]] = [
        ("CertificateInvalid", lambda: entries.put("a", pair[0], other_pair[1])),
        ("CertificateInvalid", lambda: entries.put("a", b"", pair[1])),
        ("CertificateInvalid", lambda: entries.put("a", pair[1])),
        ("CertificateInvalid", lambda: entries.put("a", pair[0], b"no key")),
        (
            "CertificateInvalid",
            lambda: entries.put("a", pair[0] + b"x" * openssl.MAX_PEM_BYTES, pair[1]),
        ),
        ("CertificateInvalid", lambda: stores.entries(ROOTS).put("a", *pair)),
        ("CertificateInvalid", lambda: stores.entries(CRLS).put("a", pair[0])),
        ("InvalidName", lambda: entries.put("../a", *pair)),
        ("InvalidName", lambda: entries.put(".a", *pair)),
        ("InvalidName", lambda: stores.create("A b")),
        ("NameTaken", lambda: stores.create("web")),
        ("NameTaken", lambda: stores.create(ROOTS)),
        ("CertificateStoreNotFound", lambda: stores.entries("nowhere")),
        ("CertificateEntryNotFound", lambda: entries.get("nothing")),
        ("CertificateEntryNotFound", lambda: entries.content("nothing", KEY_FILE)),
        ("CertificateEntryNotFound", lambda: entries.delete("nothing")),
        ("UserNotFound", lambda: stores.grant("web", "nobody-has-this-name", Right.READ)),
        ("InvalidOperation", lambda: stores.grant(ROOTS, "root", Right.READ)),
    ]
    for code, attempt in bad:
        with pytest.raises(HeliostatError) as refused:
            attempt()
        assert refused.value.code == code
    assert entries.list() == []


@needs_root
def test_the_kernel_keeps_the_grants(
    stores: Stores, pair: tuple[bytes, bytes], other_pair: tuple[bytes, bytes]
) -> None:
    stores.create("web")
    entries = stores.entries("web")
    before = entries.put("before", *pair).folder / KEY_FILE
    with pytest.raises(CommandFailed):
        _as(USER, "cat", str(before))
    granted = stores.grant("web", USER, Right.READ)
    assert [(each.user, each.right) for each in granted.grants] == [(USER, Right.READ)]
    after = entries.put("after", *other_pair).folder / KEY_FILE
    for key, content in ((before, pair[1]), (after, other_pair[1])):
        assert _as(USER, "cat", str(key)).encode() == content
        with pytest.raises(CommandFailed):
            _as(OTHER, "cat", str(key))
    with pytest.raises(CommandFailed):
        _as(USER, "mkdir", str(before.parent.parent / "mine"))
    stores.grant("web", USER, Right.WRITE)
    _as(USER, "mkdir", str(before.parent.parent / "mine"))
    stores.revoke("web", USER)
    assert (before.parent.parent / "mine").stat().st_uid == 0
    for key in (before, after):
        with pytest.raises(CommandFailed):
            _as(USER, "cat", str(key))


@needs_root
def test_everybody_reads_the_roots_that_the_machine_trusts(
    stores: Stores, pair: tuple[bytes, bytes]
) -> None:
    before = os.umask(0o077)
    try:
        kept = stores.entries(ROOTS).put("company", pair[0])
    finally:
        os.umask(before)
    assert _as(OTHER, "cat", str(kept.folder / CERTIFICATE_FILE)).encode() == pair[0]


def test_what_a_writer_puts_in_place_of_an_entry_leads_nowhere_else(
    stores: Stores, pair: tuple[bytes, bytes], other_pair: tuple[bytes, bytes], tmp_path: Path
) -> None:
    """Whoever has a grant to write makes links and pipes, and root lists, renews and deletes."""
    stores.create("web")
    entries = stores.entries("web")
    folder = entries.put("site", *pair).folder.parent
    elsewhere = stores.entries(MACHINE).put("machine", *other_pair).folder.resolve()
    for name, to in (("absolute", str(elsewhere)), ("near", "../machine/machine"), ("out", "..")):
        (folder / name).symlink_to(to)
        with pytest.raises(HeliostatError, match="CertificateEntryNotFound"):
            entries.delete(name)
    disguised = folder / f".fake:{'0' * 16}"
    disguised.symlink_to(elsewhere)
    (folder / "fake").symlink_to(disguised.name)
    with pytest.raises(HeliostatError, match="CertificateEntryNotFound"):
        entries.content("fake", KEY_FILE)
    assert (elsewhere / KEY_FILE).read_bytes() == other_pair[1]
    version = (folder / "site").resolve()
    (version / CERTIFICATE_FILE).unlink()
    os.mkfifo(version / CERTIFICATE_FILE)
    with pytest.raises(HeliostatError, match="CertificateEntryNotFound"):
        entries.content("site", CERTIFICATE_FILE)
    (version / KEY_FILE).unlink()
    (version / KEY_FILE).symlink_to(elsewhere / KEY_FILE)
    with pytest.raises(HeliostatError, match="CertificateEntryNotFound"):
        entries.content("site", KEY_FILE)
    (folder / ".site:link").symlink_to(elsewhere)
    (folder / ".site:more").symlink_to(elsewhere)
    (folder / ".site:file").write_text("")
    entries.put("site", *pair)
    assert entries.content("site", KEY_FILE) == pair[1]
    assert [each.name for each in folder.glob(".site:*")] == [(folder / "site").readlink().name]
    assert (elsewhere / KEY_FILE).read_bytes() == other_pair[1]


def test_a_new_version_that_is_swapped_for_a_link_changes_nothing_else(
    stores: Stores, pair: tuple[bytes, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.create("web")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    real = Path.mkdir

    def swapped(path: Path, **named: Any) -> None:
        real(path, **named)
        if path.name.startswith(".site:"):
            path.rmdir()
            path.symlink_to(elsewhere)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", swapped)
        with pytest.raises(OSError, match=r"directory|symbolic"):
            stores.entries("web").put("site", *pair)
    assert list(elsewhere.iterdir()) == []
    assert elsewhere.stat().st_mode & 0o777 == 0o700


def test_the_bundle_of_roots_holds_certificates_alone(
    machine: Machine, stores: Stores, pair: tuple[bytes, bytes]
) -> None:
    """Everybody reads it, whatever was put beside a certificate."""
    folder = stores.entries(ROOTS).put("company", pair[0]).folder
    kept = folder.resolve() / CERTIFICATE_FILE
    kept.chmod(0o644)
    kept.write_bytes(pair[0] + pair[1])
    write_bundle(machine)
    assert machine.roots_bundle.read_bytes() == pair[0]


def test_stores_by_hand(
    machine: Machine, pair: tuple[bytes, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(machine.root))
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(pair[0])
    key.write_bytes(pair[1])

    def helio(*argv: str, typed: str = "") -> Result:
        return CliRunner().invoke(cert, list(argv), input=typed)

    assert helio("store", "create", "web").output == "Store web is made.\n"
    made = helio("entry", "create", "web", "site", str(certificate), "--key", str(key))
    assert made.output.startswith("site is kept in ")
    assert "DNS:web.example, DNS:www.example" in helio("entry", "list", "web").output
    assert "89 days" in helio("entry", "list", "web").output
    (told,) = json.loads(helio("entry", "list", "web", "-o", "json").output)
    assert (told["name"], told["key"]) == ("site", True)
    assert helio("entry", "show", "web", "site").output.encode() == pair[0]
    assert helio("entry", "key", "web", "site").output.encode() == pair[1]
    assert helio("store", "delete", "web", typed="n\n").exit_code != 0
    listed = json.loads(helio("store", "list", "-o", "json").output)
    assert {each["name"]: each["entries"] for each in listed}["web"] == 1
    assert "deleted" in helio("store", "delete", "web", "--yes").output
    helio("entry", "create", ROOTS, "company", str(certificate))
    assert machine.roots_bundle.read_bytes() == pair[0]
    helio("entry", "delete", ROOTS, "company")
    assert machine.roots_bundle.read_bytes() == b""


def test_a_store_that_is_not_there_is_told_in_a_sentence(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, str(machine.root))
    assert helio_run(["cert", "entry", "list", "nowhere"]) != 0
    assert "There is no store nowhere." in capsys.readouterr().err


@needs_root
def test_joining_is_for_root(machine: Machine) -> None:
    environment = f"{VARIABLE}={machine.root}"
    argv = ["env", environment, sys.executable, "-m", "heliostat.member", "identity", "join"]
    with pytest.raises(CommandFailed) as failed:
        _as(USER, *argv)
    assert "AccessForbidden" in str(failed.value.stderr)
    assert "Traceback" not in str(failed.value.stderr)
