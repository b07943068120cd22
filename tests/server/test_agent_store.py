"""An agent's certificate and what it trusts lie in the machine's stores; others' entries stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.agent.credentials import Credentials
from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.member import openssl
from heliostat.member.contents import CERTIFICATE_FILE, KEY_FILE
from heliostat.member.places import Machine
from heliostat.member.stores import MACHINE, ROOTS, Stores
from heliostat.server.agent_store import ENTRY, copy


def _pair(folder: Path, name: str) -> tuple[bytes, bytes]:
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    argv += ["-nodes", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)]
    run(argv, timeout_s=20)
    return certificate.read_bytes(), key.read_bytes()


def test_what_an_agent_has_is_copied_once_and_again_when_it_is_new(tmp_path: Path) -> None:
    machine, files = Machine(tmp_path / "machine"), Credentials(tmp_path)
    mine, _ = _pair(tmp_path, "mine")
    for name in ("first", "second"):
        certificate, key = _pair(tmp_path, name)
        root, _ = _pair(tmp_path, f"root-of-{name}")
        files.identity.write_bytes(certificate + key)
        files.ca.write_bytes(root)
        copy(files, machine)
        Stores(machine).entries(ROOTS).put("mine", mine)
        before = Stores(machine).entries(MACHINE).get(ENTRY).folder.resolve()
        copy(files, machine)
        entries = Stores(machine).entries(MACHINE)
        assert entries.get(ENTRY).folder.resolve() == before, "nothing was new"
        assert entries.content(ENTRY, CERTIFICATE_FILE) == certificate
        assert openssl.belong_together(certificate, entries.content(ENTRY, KEY_FILE))
        trusted = {each.name for each in Stores(machine).entries(ROOTS).list()}
        assert len(trusted) == 2
        assert "mine" in trusted
        assert root in machine.roots_bundle.read_bytes()


def test_an_agent_that_trusts_nobody_leaves_the_stores_as_they_are(tmp_path: Path) -> None:
    machine, files = Machine(tmp_path / "machine"), Credentials(tmp_path)
    certificate, key = _pair(tmp_path, "own")
    files.identity.write_bytes(certificate + key)
    files.ca.write_bytes(certificate)
    copy(files, machine)
    files.ca.write_bytes(b"")
    with pytest.raises(HeliostatError, match="CertificateInvalid"):
        copy(files, machine)
    assert certificate in machine.roots_bundle.read_bytes()
