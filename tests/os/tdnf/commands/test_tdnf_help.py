"""Help, completions and pages are made of the tables that the command line is read by."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from heliostat.os.manual.__main__ import GENERATED
from heliostat.os.manual.completion import bash
from heliostat.os.manual.pages import command_page, settings_page
from heliostat.os.manual.settings import MAIN, REPOSITORY
from heliostat.os.tdnf import arguments, manual
from heliostat.os.tdnf.commands import COMMANDS
from heliostat.os.tdnf.settings.configuration import Configuration
from heliostat.os.tdnf.settings.repository import Repository
from heliostat.testing.tdnf_system import TdnfSystem

PROJECT = Path(__file__).parents[4]


def test_every_command_and_every_option_is_explained() -> None:
    assert {*manual.COMMANDS, *manual.SECOND_NAMES} == set(COMMANDS)
    explained = {name for group in manual.OPTIONS.values() for name in group}
    names = {each for each in arguments._LONG if not each.isdigit()}
    second = {"skipbroken"}
    assert explained == names - second


def test_what_is_said_to_take_a_value_takes_one() -> None:
    for group in manual.OPTIONS.values():
        for name, (value, _) in group.items():
            words = [f"--{name}=a=b"] if value else [f"--{name}"]
            extra = ["--downloadonly"] if name in ("alldeps", "nodeps", "downloaddir") else []
            arguments.parse([*words, *extra, "list"])


def test_every_setting_is_explained() -> None:
    def keys(holder: type) -> set[str]:
        values = {name for name, value in vars(holder).items() if not callable(value)}
        plain = {name for name in values if not isinstance(getattr(holder, name), property)}
        return {name.removesuffix("_s") for name in plain if not name.startswith("_")}

    assert set(MAIN) == keys(Configuration)
    assert set(REPOSITORY) == keys(Repository)


@pytest.mark.parametrize("path", GENERATED, ids=str)
def test_the_committed_files_are_what_the_tables_give(path: Path) -> None:
    assert (PROJECT / path).read_text(encoding="utf-8") == GENERATED[path]()


@pytest.mark.parametrize("page", [command_page, settings_page])
def test_the_man_pages_are_read_without_a_warning(page: object) -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not here")
    assert callable(page)
    told = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8"],
        input=page(),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert told.stderr == ""
    assert "SEE ALSO" in told.stdout or "S\bSE\bEE\bE" in told.stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["tdnf", "inst"], ["install"]),
        (["tdnf", "--assumey"], ["--assumeyes"]),
        (["tdnf", "-y", "clean", "me"], ["metadata"]),
        (["tdnf", "-c", "/x", "repol"], ["repolist"]),
    ],
)
def test_bash_completes_words(tmp_path: Path, line: list[str], expected: list[str]) -> None:
    script = tmp_path / "tdnf"
    script.write_text(bash())
    words = " ".join(f"'{each}'" for each in line)
    asked = (
        f". {script}; COMP_WORDS=({words}); COMP_CWORD={len(line) - 1}; _tdnf;"
        ' printf "%s\\n" "${COMPREPLY[@]}"'
    )
    told = subprocess.run(
        ["bash", "-c", asked], capture_output=True, text=True, timeout=30, check=True
    )
    assert told.stdout.split() == expected


def test_help_tells_all_commands_or_one(tmp_path: Path) -> None:
    system = TdnfSystem(tmp_path)
    whole = system.run("--help")
    assert (whole.exit_code, whole.stderr) == (0, "")
    assert all(f"  {name} " in whole.stdout for name in manual.COMMANDS)
    assert system.run("help", "remove").stdout == system.run("erase", "--help").stdout
    assert system.run("-j", "help").json["install"]
    assert system.run("help", "nope").error == 912
    near = system.run("instal")
    assert (near.error, "Did you mean install?" in near.stderr) == (912, True)
