"""What builds came to: signed, kept by name, found again, told by the command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from heliostat.core.errors import HeliostatError
from heliostat.os.commands.build import build_command, workshop
from heliostat.os.monitor import SilentMonitor
from heliostat.os.packages.build.carry_out import Built, carry_out
from heliostat.os.packages.build.results import Result, find, listed, packed
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.builds import recipe
from heliostat.testing.rpms import signer, tiny


def pack(folder: Path) -> Iterable[Path]:
    yield write(tiny(), folder, signer=signer()).path


def refuse(folder: Path) -> Iterable[Path]:
    (folder / "half").touch()
    raise HeliostatError("ImportRefused", "The policy doesn't name it.")


@pytest.fixture
def built(tmp_path: Path) -> Built:
    return carry_out(recipe("echo 1 > x", "x", name="tiny"), tmp_path / "os")


@pytest.fixture
def result(built: Built, tmp_path: Path) -> Result:
    return packed(built, "1", pack, signer(), tmp_path / "os" / "rebuilt", SilentMonitor())


def test_a_build_is_found_by_its_name_its_package_and_its_identity(
    result: Result, tmp_path: Path
) -> None:
    folder = tmp_path / "os" / "rebuilt"
    for name in ("tiny", "tiny-1.0-1.noarch", result.identity[:12]):
        assert find(folder, name) == result
    source = msgspec.structs.replace(result, name="source-of-tiny")
    (folder / "tiny" / "result.json").write_bytes(msgspec.json.encode(source))
    assert find(folder, "tiny") == source
    assert listed(folder) == [source]


def test_packing_again_takes_what_is_there(built: Built, result: Result, tmp_path: Path) -> None:
    again = packed(built, "1", refuse, signer(), tmp_path / "os" / "rebuilt", SilentMonitor())
    assert again.packages == result.packages


def test_another_policy_packs_anew(built: Built, result: Result, tmp_path: Path) -> None:
    folder = tmp_path / "os" / "rebuilt"
    again = packed(built, "2", pack, signer(), folder, SilentMonitor())
    assert again.packed != result.packed
    assert listed(folder) == [again]


def test_what_is_refused_leaves_what_was_there(
    built: Built, result: Result, tmp_path: Path
) -> None:
    folder = tmp_path / "os" / "rebuilt"
    with pytest.raises(HeliostatError):
        packed(built, "2", refuse, signer(), folder, SilentMonitor())
    assert listed(folder) == [result]
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["tiny"]


def test_a_name_that_was_not_built_is_told(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match="Nothing named ghost was built here") as refused:
        find(tmp_path, "ghost")
    assert refused.value.code == "BuildNotFound"


@pytest.mark.usefixtures("result")
def test_the_command_shows_the_record(tmp_path: Path) -> None:
    runner = CliRunner(env={"HELIO_CACHE": str(tmp_path)})
    shown = runner.invoke(build_command, ["show", "tiny"], catch_exceptions=False).output
    assert "echo 1 > x" in shown
    assert "tiny-1.0-1.noarch.rpm" in shown
    raw = runner.invoke(build_command, ["show", "tiny", "-o", "json"], catch_exceptions=False)
    assert json.loads(raw.output)["_type"] == "https://in-toto.io/Statement/v1"


@pytest.mark.usefixtures("result")
def test_the_command_lists_packages(tmp_path: Path) -> None:
    runner = CliRunner(env={"HELIO_CACHE": str(tmp_path)})
    rows = runner.invoke(build_command, ["list"], catch_exceptions=False).output.splitlines()
    assert len(rows) == 1
    assert rows[0].startswith("tiny ")


def test_without_a_name_the_command_says_what_to_give() -> None:
    refused = CliRunner().invoke(build_command, ["--anew"])
    assert refused.exit_code == 2


def test_help_is_the_groups_own() -> None:
    told = CliRunner().invoke(build_command, ["--help"]).output
    assert "a sandbox without network" in told


def test_builds_take_the_archive_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HELIO_CACHE", str(tmp_path))
    monkeypatch.setenv("HELIO_OS_MIRROR", "http://mirror.invalid/debian")
    monkeypatch.setenv("HELIO_OS_SUITE", "other")
    (source,) = workshop(tmp_path / "keys", None).archive.sources
    assert (source.uri, source.suite) == ("http://mirror.invalid/debian", "other")
    assert workshop(tmp_path / "keys", "said").archive.suite == "said"


class Killed(BaseException):
    """Nothing is cleaned up after it."""


@pytest.mark.parametrize("renames", [1, 2])
def test_a_packing_that_was_killed_leaves_the_old_or_the_new(
    built: Built, result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    folder, left, rename = tmp_path / "os" / "rebuilt", renames, Path.rename

    def dying(path: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", dying)
        patched.setattr(shutil, "rmtree", lambda *_, **__: None)
        if renames == 1:
            with pytest.raises(Killed):
                packed(built, "2", pack, signer(), folder, SilentMonitor())
        else:
            packed(built, "2", pack, signer(), folder, SilentMonitor())
    found = {path.parent.name for path in folder.glob("*/*.rpm")}
    assert found <= {"tiny"}, "half a result among the whole ones"
    packed(built, "3", pack, signer(), folder, SilentMonitor())
    assert [each.name for each in listed(folder)] == ["tiny"]
    aside = [*folder.parent.glob(".rebuilt-*/*")]
    assert aside == []


def test_an_old_result_comes_back_where_its_successor_was_not_put_in_place(
    built: Built, result: Result, tmp_path: Path
) -> None:
    folder = tmp_path / "os" / "rebuilt"
    old = folder.with_name(".rebuilt-old")
    old.mkdir()
    (folder / "tiny").rename(old / "tiny")
    assert listed(folder) == []
    again = packed(built, "1", refuse, signer(), folder, SilentMonitor())
    assert again.packages == result.packages
    assert listed(folder) == [again]
