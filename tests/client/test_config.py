"""The user's file: what is written is read back, privately and in turns."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.client.config import LOCK_WAIT_S, Config, ConfigFile, Profile, default_path
from heliostat.client.config import _parsed as parsed
from heliostat.client.config import _rendered as rendered
from heliostat.core.errors import HeliostatError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PROFILES = st.builds(
    Profile,
    target=TEXT,
    ca_pem=TEXT,
    tenant=TEXT,
    access_token=TEXT,
    expires_at_s=st.floats(0, 1e12),
)


@given(TEXT, st.dictionaries(TEXT, PROFILES, max_size=3))
def test_what_is_written_is_read_back(name: str, profiles: dict[str, Profile]) -> None:
    config = Config(name, profiles)
    assert parsed(tomllib.loads(rendered(config))) == config


def test_a_missing_file_is_an_empty_configuration(tmp_path: Path) -> None:
    assert ConfigFile(tmp_path / "none.toml").read() == Config()


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = ConfigFile(tmp_path / "deep" / "config.toml")
    file.change(lambda config: config.replace("default", Profile(access_token="secret")))
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in file.path.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("profile = ", "Invalid value"),
        ("profil = 'x'", "unknown key 'profil'"),
        ("[profiles.a]\ntargte = 'x'", "unknown key 'targte'"),
        ("[profiles.a]\ntarget = 5", "target in the profile 'a' is not a str"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(HeliostatError, match=complaint) as caught:
        ConfigFile(path).read()
    assert str(path) in caught.value.message


def test_a_lock_left_behind_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    (tmp_path / "config.toml.lock").touch()
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += max(seconds, 1.0)

    file = ConfigFile(path, monotonic_s=lambda: now[0], sleep=sleep)
    file.change(lambda config: dataclasses.replace(config, profile="mine"))
    assert now[0] >= LOCK_WAIT_S
    assert file.read().profile == "mine"


def test_where_the_file_lies() -> None:
    home = {"HOME": "/home/ann"}
    assert default_path(home, "linux") == Path("/home/ann/.config/heliostat/config.toml")
    assert default_path({**home, "XDG_CONFIG_HOME": "/x"}, "linux").parts[1] == "x"
    assert "Application Support" in str(default_path(home, "darwin"))
    assert "Roaming" in str(default_path({"USERPROFILE": "/u"}, "win32"))
    assert default_path({**home, "HELIO_CONFIG": "/c.toml"}, "linux") == Path("/c.toml")
