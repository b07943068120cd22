"""``helio os repo`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heliostat.cli.main import run
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.writer import write
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.publish import publish
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.settings import Settings
from heliostat.os.repo.staging import add
from heliostat.testing.packages import signer_of_tests, small_package, written

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HELIO_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def signer_at_home(tmp_path: Path, signer: Signer) -> Signer:
    """The tests' key in the place of the one that `create` would make, which takes a second."""
    keys = tmp_path / "home/os/keys"
    keys.mkdir(parents=True)
    (keys / "signing-key.asc").write_bytes(signer.secret_text)
    (keys / "RPM-GPG-KEY-heliostat").write_bytes(signer.public_text)
    return signer


def _json(capsys: Captured, *words: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert run(["os", "repo", *words, "-o", "json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("signer_at_home")
def test_from_nothing_to_published_and_back(capsys: Captured, tmp_path: Path) -> None:
    made = _json(capsys, "create")
    assert [each["name"] for each in made] == ["base", "updates", "extras", "identity"]
    for version in ("1.0", "2.0"):
        written(small_package("alpha", version), tmp_path / version)
    folder = str(tmp_path / "1.0")
    planned = _json(capsys, "add", "base", folder, "--plan")
    assert [each["name"] for each in planned["added"]] == ["alpha"]
    assert _json(capsys, "list")[0]["staged"] == ""
    assert _json(capsys, "add", "base", folder) == planned
    assert _json(capsys, "publish", "base", "--plan") == planned
    assert _json(capsys, "publish", "base")["number"] == 1
    _json(capsys, "snapshot", "base", "first", "--lock", str(tmp_path / "lock"))
    _json(capsys, "add", "base", str(tmp_path / "2.0"))
    assert _json(capsys, "publish", "base", "--reason", "the second")["reason"] == "the second"
    assert _json(capsys, "rollback", "base")["number"] == 1
    shown = _json(capsys, "show", "base")
    assert [each["version"] for each in shown["packages"]] == ["1.0"]
    assert [each["current"] for each in shown["generations"]] == [True, False]
    assert _json(capsys, "verify", "base") == []
    assert _json(capsys, "gc", "base")["paths"] == []
    _json(capsys, "rollback", "base", "--to", "2")
    restored = _json(capsys, "restore", "base", str(tmp_path / "lock"))
    assert restored["changed"][0]["after"]["version"] == "1.0"
    assert "alpha" in str(_json(capsys, "discard", "base"))


@pytest.mark.usefixtures("signer_at_home")
def test_people_read_tables(capsys: Captured, tmp_path: Path) -> None:
    package = str(written(small_package("alpha"), tmp_path))
    assert run(["os", "repo", "create", "own", "--title", "Our own"]) == 0
    assert run(["os", "repo", "add", "own", package]) == 0
    assert "+ alpha-1.0-1.x86_64" in capsys.readouterr().out
    assert run(["os", "repo", "publish", "own"]) == 0
    assert "Generation 1 of own: 1 added." in capsys.readouterr().out
    for words, expected in (
        (["list"], "Our own"),
        (["show", "own"], "alpha    1.0-1    x86_64"),
        (["verify", "own"], "is whole"),
        (["publish", "own"], "Nothing has changed since generation 1."),
        (["gc", "own", "--plan"], "Would free 0.0 MiB"),
        (["remove", "own", "alpha", "--plan"], "- alpha-1.0-1.x86_64"),
    ):
        assert run(["os", "repo", *words]) == 0
        assert expected in capsys.readouterr().out


@pytest.mark.usefixtures("signer_at_home")
def test_the_four_are_made_beside_those_that_an_import_made(capsys: Captured) -> None:
    assert run(["os", "repo", "create", "base", "--title", "Mine"]) == 0
    capsys.readouterr()
    assert run(["os", "repo", "create"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[:4]] == ["base", "updates", "extras", "identity"]
    assert ["was there before" in line for line in said[:4]] == [True, False, False, False]
    listed = _json(capsys, "list")
    assert {each["name"]: each["title"] for each in listed}["base"] == "Mine"
    assert run(["os", "repo", "create", "fresh", "Bad"]) == 1
    assert "fresh" not in {each["name"] for each in _json(capsys, "list")}


@pytest.mark.usefixtures("signer_at_home")
def test_faults_end_with_one_and_a_hint(capsys: Captured, tmp_path: Path) -> None:
    run(["os", "repo", "create", "own"])
    unsigned = str(write(small_package("alpha"), tmp_path).path)
    for words, expected in (
        (["show", "nowhere"], "RepositoryNotFound"),
        (["add", "own", unsigned], "PackageUntrusted"),
        (["rollback", "own"], "GenerationNotFound"),
        (["snapshot", "own", "x"], "GenerationNotFound"),
        (["create", "own"], "NameTaken"),
        (["create", "Own"], "InvalidName"),
    ):
        assert run(["os", "repo", *words]) == 1
        said = capsys.readouterr().err
        assert expected in said
        assert "Hint:" in said


@pytest.mark.usefixtures("signer_at_home")
def test_a_broken_repository_is_told_and_the_exit_code_says_so(
    capsys: Captured, tmp_path: Path
) -> None:
    run(["os", "repo", "create", "own"])
    run(["os", "repo", "add", "own", str(written(small_package("alpha"), tmp_path))])
    run(["os", "repo", "publish", "own"])
    next((tmp_path / "home/os/repos/own/Packages").rglob("*.rpm")).unlink()
    faults = _json(capsys, "verify", "own", code=1)
    assert [each["where"] for each in faults] == ["Packages/a/alpha-1.0-1.x86_64.rpm"]


@pytest.mark.usefixtures("signer_at_home")
def test_signing_lets_a_package_in(capsys: Captured, tmp_path: Path) -> None:
    unsigned = str(write(small_package("alpha"), tmp_path).path)
    run(["os", "repo", "create", "own"])
    assert run(["os", "repo", "sign", "own", unsigned]) == 0
    assert run(["os", "repo", "add", "own", unsigned]) == 0


@pytest.mark.usefixtures("signer_at_home")
def test_curating_from_a_folder(capsys: Captured, tmp_path: Path) -> None:
    run(["os", "repo", "create"])
    run(["os", "repo", "add", "base", str(written(small_package("alpha"), tmp_path / "old"))])
    run(["os", "repo", "publish", "base"])
    written(small_package("alpha", "1.1"), tmp_path / "new")
    words = ["curate", "--no-archive", "--from", str(tmp_path / "new")]
    planned = _json(capsys, *words, "--plan")
    assert planned["promoted"][0]["packages"] == ["alpha 1.0-1 -> 1.1-1"]
    done = _json(capsys, *words)
    assert done["promoted"][0]["advisory"].startswith("HSA-")
    assert run(["os", "repo", *words]) == 0
    assert "Nothing is newer" in capsys.readouterr().out


@pytest.mark.usefixtures("signer_at_home")
def test_mirroring_takes_what_is_named_and_what_that_needs(
    capsys: Captured, cache_dir: Path, tmp_path: Path
) -> None:
    theirs = signer_of_tests("theirs")
    far = Repository.create(tmp_path / "far", Settings(name="far"))
    made = [small_package("alpha", requires=("beta",)), small_package("beta"), small_package("c")]
    paths = [written(each, tmp_path / "in", theirs) for each in made]
    add(far, paths, Trust(theirs.keyring), cache_dir)
    publish(far, theirs, cache_dir)
    run(["os", "repo", "create", "own"])
    words = ["mirror", "own", far.root.as_uri(), "--trust", str(far.layout.key)]
    planned = _json(capsys, *words, "alpha", "--plan")
    assert [each["name"] for each in planned] == ["alpha", "beta"]
    done = _json(capsys, *words, "alpha")
    assert [each["name"] for each in done["added"]] == ["alpha", "beta"]
    assert [each["name"] for each in _json(capsys, *words)["added"]] == ["c"]
    assert run(["os", "repo", *words, "--alone", "alpah"]) == 1
    assert "Did you mean alpha?" in capsys.readouterr().err


def test_without_a_key_publishing_says_how_to_make_one(capsys: Captured, tmp_path: Path) -> None:
    Repository.create(tmp_path / "home/os/repos/own", Settings(name="own"))
    assert run(["os", "repo", "publish", "own"]) == 1
    assert "SigningKeyMissing" in capsys.readouterr().err
