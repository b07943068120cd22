"""What is told of a command that can't be meant so: at once, before any work is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.os.image.distro import locate_distro
from heliostat.testing.desk import Desk


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    return Desk.at(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("name", ["missing.spec", "missing.dsc", "folder/missing.spec"])
def test_a_source_that_is_not_there_is_told_before_a_root_is_made(desk: Desk, name: str) -> None:
    told = desk.refused("build", desk.folder / name)
    assert told["code"] == "InvalidSetting"
    assert name in told["message"]
    assert not (desk.folder / "cache").exists()


@pytest.mark.parametrize(
    "command", [("build", "gawk"), ("kernel", "build"), ("import", "bash", "--alone")]
)
def test_a_repository_that_cannot_be_is_told_before_the_work(
    desk: Desk, command: tuple[str, ...]
) -> None:
    told = desk.refused(*command, "--repo", "../elsewhere")
    assert told["code"] == "InvalidName"
    assert not (desk.folder / "cache").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("bash", "--repo", "base", "--to", "folder"), "--repo or --to"),
        (("bash", "--format", "gce"), "name one"),
        ((), "Name packages"),
    ],
)
def test_an_import_whose_options_contradict_each_other_is_refused(
    desk: Desk, options: tuple[str, ...], said: str
) -> None:
    assert said in desk.helio("import", *options, code=2)


def test_an_edition_that_could_not_name_its_package_is_refused(desk: Desk) -> None:
    path = desk.folder / "my edition.yaml"
    path.write_text("summary: Mine\npackages: [bash]\n")
    told = desk.refused("edition", "show", path)
    assert told["code"] == "InvalidSetting"
    assert "'my edition'" in told["message"]


def test_only_what_can_be_composed_is_proposed(desk: Desk) -> None:
    assert "fragment: true" in (locate_distro() / "editions/base.yaml").read_text()
    assert "did you mean" not in desk.refused("edition", "show", "basee")["message"]
    assert "did you mean minimal?" in desk.refused("edition", "show", "minimall")["message"]


def test_what_is_no_command_of_cve_is_a_system_or_a_slip(desk: Desk) -> None:
    assert desk.refused("cve", desk.folder / "nothing")["code"] in (
        "NotASystem",
        "KnowledgeMissing",
    )
    assert "Did you mean 'import'?" in desk.helio("cve", "imprt", "file", code=2)
