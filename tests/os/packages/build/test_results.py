"""What builds came to: signed, kept by name, found again, told by the command."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner

from heliostat.core.errors import HeliostatError
from heliostat.os.commands.build import build_command
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
    assert listed(folder) == [result]


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
