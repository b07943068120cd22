"""Mistakes in ``.repo`` files, each with its number and what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heliostat.testing.package_set import package, published
from heliostat.testing.tdnf_runs import in_process
from heliostat.testing.tdnf_system import TdnfSystem

MISTAKES = [
    ("[two]\nname=a\n[two]\nname=b\n", 1037, "line 3: repository two is in this file already"),
    ("[base]\nname=a\n", 1037, "repository base is in another file already"),
    ("[../two]\nbaseurl=file:///two\n", 1004, "../two is no name of a repository"),
    ("[two]\nenabled=1\n", 1004, "two has neither baseurl nor metalink nor mirrorlist"),
    ("[two]\npriority=high\n", 1004, "priority is a number, not high"),
    ("[two]\nmetadata_expire=soon\n", 1029, "metadata_expire=soon is not a time"),
    ("[two]\nmetadata_expire=²\n", 1029, "metadata_expire=² is not a time"),
    ("two\n", 1003, "line 1: two stands before any [section]"),
    ("[two\n", 1003, "line 1: a section is [name], not [two"),
    ("[two]\nbaseurl\n", 1003, "line 2: expected key=value, found baseurl"),
]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> TdnfSystem:
    folder = tmp_path_factory.mktemp("mistakes")
    made = TdnfSystem(folder / "system")
    made.enable(published(folder / "base", package("app")))
    return made


@pytest.mark.parametrize(("text", "number", "told"), MISTAKES)
def test_a_mistake_is_told_with_its_place(
    system: TdnfSystem, text: str, number: int, told: str
) -> None:
    path = system.repositories / "two.repo"
    path.write_text(text)
    ran = in_process(system, "repolist")
    path.unlink()
    assert (ran.error, told in ran.stderr) == (number, True), ran.stderr


def test_a_choice_that_there_is_not_is_901(system: TdnfSystem) -> None:
    assert in_process(system, "repolist", "some").error == 901


def test_names_of_packages_are_told_as_they_are(system: TdnfSystem, tmp_path: Path) -> None:
    system.done("install", "app")
    assert "No newer version of app is offered." in system.run("-y", "update", "app").stdout
    (tmp_path / "bad.rpm").write_text("no package\n")
    ran = system.run("-y", "install", str(tmp_path / "bad.rpm"))
    assert (ran.error, "rpm -K" in ran.stderr) == (1011, True)


def test_a_package_may_say_the_release_and_the_architecture(tmp_path: Path) -> None:
    made = published(
        tmp_path / "base",
        package("system-release", "7.1-2", "aarch64", files={}),
        package("other-release", "8-1", provides=["system-release(releasever) = 9"]),
    )
    system = TdnfSystem(tmp_path / "system")
    system.holds(made, "system-release-7.1-2.aarch64")
    path = system.repositories / "two.repo"
    path.write_text("[two]\nbaseurl=file:///$releasever/$basearch\nenabled=1\nretries=0\n")

    def asked(*words: str) -> str:
        return system.run(*words, "makecache").stderr

    assert f"file:///7.1/{os.uname().machine}/repodata" in asked()
    system.configure(distroarchpkg="system-release")
    assert "file:///7.1/aarch64/repodata" in asked()
    assert "file:///7.1/x86_64/repodata" in asked("--forcearch=x86_64")
    system.configure(distroarchpkg="nothing")
    assert f"/{os.uname().machine}/" in asked()
    system.holds(made, "other-release-8-1.noarch")
    assert "file:///9/" in asked()
    assert "file:///3/" in asked("--releasever=3")
