"""``helio os key`` and ``helio os package``, as a person uses them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from heliostat.cli.main import run
from heliostat.core.process import run as run_program
from heliostat.os.packages.openpgp.signer import PUBLIC_NAME, SECRET_NAME
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.rpms import signer, tiny


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with the key of the tests."""
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / SECRET_NAME).write_bytes(signer().secret_text)
    (folder / PUBLIC_NAME).write_bytes(signer().public_text)
    return folder


def test_a_key_is_made_once_and_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HELIO_HOME", str(tmp_path))
    told = []
    for _ in range(2):
        assert run(["os", "key", "create", "--owner", "Me <me@example.invalid>", "-o", "json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert [each["created"] for each in told] == [True, False]
    assert told[0]["fingerprint"] == told[1]["fingerprint"]
    assert told[0]["owner"] == "Me <me@example.invalid>"
    assert run(["os", "key", "export"]) == 0
    exported = capsys.readouterr().out
    assert exported == Path(told[0]["publicKey"]).read_text()
    shown = run_program(["gpg", "--show-keys"], timeout_s=30, stdin=exported.encode()).stdout
    assert told[0]["fingerprint"] in shown


def test_a_key_of_ones_own_is_taken_and_not_replaced_by_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, other = tmp_path / "mine.asc", tmp_path / "other.asc"
    mine.write_bytes(signer().secret_text)
    other.write_bytes(signer("Other <other@example.invalid>").secret_text)
    keys = ["--keys", str(tmp_path / "keys")]
    assert run(["os", "key", "import", str(mine), *keys]) == 0
    assert run(["os", "key", "import", str(mine), *keys]) == 0
    assert run(["os", "key", "import", str(other), *keys]) == 1
    assert "SigningKeyExists" in capsys.readouterr().err
    assert run(["os", "key", "show", *keys, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["fingerprint"] == signer().fingerprint
    assert run(["os", "key", "import", str(other), "--replace", *keys]) == 0
    mine.write_text("no key")
    assert run(["os", "key", "import", str(mine), *keys]) == 1
    assert "SignatureInvalid" in capsys.readouterr().err


def test_without_a_key_nothing_is_signed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tiny(), tmp_path).path
    assert run(["os", "package", "sign", str(path), "--keys", str(tmp_path / "none")]) == 1
    said = capsys.readouterr().err
    assert "SigningKeyMissing" in said
    assert "helio os key create" in said


def test_packages_are_signed_and_verified(
    keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = write(tiny("good"), tmp_path).path, write(tiny("bad"), tmp_path).path
    files = [str(good), str(bad)]
    assert run(["os", "package", "sign", *files, "--keys", str(keys)]) == 0
    assert run(["os", "package", "verify", *files, "--keys", str(keys)]) == 0
    bad.write_bytes(bad.read_bytes()[:-1])
    capsys.readouterr()
    assert run(["os", "package", "verify", *files, "--keys", str(keys), "-o", "json"]) == 1
    said = capsys.readouterr()
    assert [row["verdict"] for row in json.loads(said.out)] == ["good", "PackageInvalid"]
    assert "cut short" in said.err


def test_a_package_tells_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tiny(), tmp_path, signer=signer()).path
    assert run(["os", "package", "show", str(path), "--files"]) == 0
    said = capsys.readouterr().out
    assert signer().key_id in said
    assert "/usr/share/tiny/data" in said
    assert run(["os", "package", "show", str(path), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["sizeBytes"] == 5


def test_own_packages_are_written_and_signed(
    keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source" / "mine"
    source.mkdir(parents=True)
    (source / "package.yaml").write_text(
        'name: mine\nversion: "1"\ndate: 2026-11-01\nsummary: Mine\ndescription: Mine.\n'
    )
    told = ["os", "package", "own", "--source", str(source.parent), "--keys", str(keys)]
    assert run([*told, "--to", str(tmp_path)]) == 0
    (path,) = capsys.readouterr().out.split()
    assert Path(path).name == "mine-1-1.noarch.rpm"
    assert run(["os", "package", "verify", path, "--keys", str(keys)]) == 0
    shutil.rmtree(source)
    assert run([*told, "mine"]) == 1
    assert "PackageNotFound" in capsys.readouterr().err
