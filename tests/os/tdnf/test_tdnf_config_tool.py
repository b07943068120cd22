"""tdnf-config changes what it is told and leaves every other line alone."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.os.tdnf import config_tool
from heliostat.os.tdnf.settings import ini
from heliostat.os.tdnf.settings.edit import with_values, without_keys, without_section

NAME = st.text(alphabet="abcxyz-_", min_size=1, max_size=6)
VALUE = st.text(alphabet="abc0 /:$,\n", max_size=12).map(
    lambda text: "\n".join(line.strip() for line in text.split("\n") if line.strip())
)
SECTIONS = st.dictionaries(NAME, st.dictionaries(NAME, VALUE, max_size=4), max_size=4)


def written(sections: ini.Sections) -> str:
    """Sections as somebody writes them, with remarks."""
    lines = ["# the file", ""]
    for name, keys in sections.items():
        lines += [f"# about {name}", f"[{name}]"]
        for key, value in keys.items():
            first, *more = value.split("\n")
            lines += [f"; {key}", f"{key} = {first}", *(f"    {each}" for each in more)]
        lines.append("")
    return "\n".join(lines) + "\n"


def read(text: str) -> ini.Sections:
    return ini.parse(text, "x.repo", 1004)


@given(SECTIONS, NAME, st.dictionaries(NAME, VALUE, min_size=1, max_size=3))
def test_setting_keys_changes_those_and_nothing_else(
    sections: ini.Sections, name: str, values: dict[str, str]
) -> None:
    after = with_values(written(sections), name, values)
    expected = {**sections, name: {**sections.get(name, {}), **values}}
    assert read(after) == expected
    assert [each for each in written(sections).splitlines() if each[:1] in ("#", ";")] == [
        each for each in after.splitlines() if each[:1] in ("#", ";")
    ]


@given(SECTIONS, st.data())
def test_keys_and_sections_go_with_all_of_their_lines(
    sections: ini.Sections, data: st.DataObject
) -> None:
    if not sections:
        return
    name = data.draw(st.sampled_from(sorted(sections)))
    rest = {each: keys for each, keys in sections.items() if each != name}
    after = without_section(written(sections), name)
    assert read(after) == rest
    assert f"# about {name}\n" not in after
    keys = sorted(sections[name])[:2]
    left = {key: value for key, value in sections[name].items() if key not in keys}
    assert read(without_keys(written(sections), name, keys)) == {**sections, name: left}


class Config:
    """tdnf-config for a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.repos = folder / "repos"
        self.main = folder / "tdnf.conf"
        self.main.write_text(f"# mine\n[main]\nrepodir={self.repos}\ngpgcheck=1\n")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        program = "import sys; from heliostat.os.tdnf.config_tool import main; sys.exit(main())"
        argv = [sys.executable, "-c", program, "-c", str(self.main), *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path)


def test_a_repository_is_made_changed_shown_and_removed(config: Config) -> None:
    url = "baseurl=http://foo.example.invalid"
    assert config.run("create", "foo", "name=Foo", url).returncode == 0
    config.run("edit", "foo", "enabled=1", "gpgcheck=0")
    read_back = configparser.ConfigParser()
    read_back.read(config.repos / "foo.repo")
    assert dict(read_back["foo"]) == {
        "name": "Foo",
        "baseurl": "http://foo.example.invalid",
        "enabled": "1",
        "gpgcheck": "0",
    }
    assert config.run("get", "foo", "name").stdout == "Foo\n"
    config.run("remove", "foo", "gpgcheck")
    told = json.loads(config.run("-j", "dump", "foo").stdout)
    assert sorted(told["foo"]) == ["baseurl", "enabled", "name"]
    assert config.run("removerepo", "foo").returncode == 0
    assert not (config.repos / "foo.repo").exists()


def test_main_is_the_settings_themselves(config: Config) -> None:
    config.run("edit", "main", "keepcache=1", "gpgcheck=0")
    assert config.main.read_text() == (
        f"# mine\n[main]\nrepodir={config.repos}\ngpgcheck=0\nkeepcache=1\n"
    )


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (("edit", "nope", "a=b"), 1009),
        (("create", "main", "a=b"), 902),
        (("create", "foo", "a"), 902),
        (("create", "foo"), 904),
        (("nope",), 912),
        ((), 912),
        (("get", "main", "nope"), 902),
        (("removerepo", "main"), 902),
        (("edit", "../x", "a=b"), 1009),
    ],
)
def test_what_can_not_be_done_says_so_and_changes_nothing(
    config: Config, words: tuple[str, ...], number: int
) -> None:
    before = config.main.read_text()
    ran = config.run(*words)
    assert (ran.returncode, f"Error({number})" in ran.stderr) == (number % 256, True), ran.stderr
    assert config.main.read_text() == before
    assert not config.repos.exists() or not list(config.repos.iterdir())
    assert json.loads(config.run("-j", *words).stdout)["Error"] == number


def test_a_new_repository_never_lies_outside_of_the_folder(config: Config) -> None:
    for name in ("../evil", "/evil", "e]vil", " "):
        ran = config.run("create", name, "baseurl=http://x.example.invalid")
        assert (ran.returncode, "Error(902)" in ran.stderr) == (902 % 256, True)
    config.run("-f", "../evil.repo", "create", "evil", "baseurl=http://x.example.invalid")
    assert [each.name for each in config.repos.iterdir()] == ["evil.repo"]


def test_a_system_without_settings_can_be_helped(monkeypatch: pytest.MonkeyPatch) -> None:
    """As tdnf, which does without its file."""
    monkeypatch.setattr(config_tool, "DEFAULT_PATH", "/nonexistent/tdnf.conf")
    assert config_tool.main(["--help"]) == 0
    assert config_tool.main(["nope"]) == 912 % 256
    assert config_tool.main(["-c", "/nonexistent/other.conf", "dump"]) == 1002 % 256
