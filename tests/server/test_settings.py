"""Settings: file, environment, and clear errors for what is wrong in either."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.server.settings import Settings, load_settings


def test_defaults_need_no_file(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}) == Settings()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "heliostat.toml").write_text(
        '[api]\nport = 9443\nnames = ["a.example"]\n[workflows.scheduler]\ncpu_overcommit = 2\n'
    )
    settings = load_settings(tmp_path, {"HELIO__API__PORT": "9555", "HELIO_HOME": "/ignored"})
    assert settings.api.port == 9555
    assert settings.api.names == ("a.example",)
    assert settings.workflows.scheduler.cpu_overcommit == 2.0


def test_sign_in_is_set_by_table_and_environment(tmp_path: Path) -> None:
    (tmp_path / "heliostat.toml").write_text(
        "[identity.lockout]\nfailures = 3\n[identity.passwords]\nminimum_length = 15\n"
    )
    environ = {"HELIO__IDENTITY__LIFETIMES__ACCESS_S": "600"}
    identity = load_settings(tmp_path, environ).identity
    assert (identity.lockout.failures, identity.passwords.minimum_length) == (3, 15)
    assert identity.lifetimes.access_s == 600.0


@pytest.mark.parametrize(
    ("text", "environ", "says"),
    [
        ("[api]\nprot = 1\n", {}, "Did you mean port?"),
        ("[apis]\nport = 1\n", {}, "Did you mean api?"),
        ("api = 1\n", {}, "a table of settings"),
        ("[api]\nport = 'x'\n", {}, "api.port wants int"),
        ("[api]\nport = true\n", {}, "api.port wants int"),
        ("[api\n", {}, "not valid TOML"),
        ("[api]\nnames = [1]\n", {}, "api.names[] wants str"),
        ("[api]\nnames = 'x'\n", {}, "api.names is a list"),
        ("[agent]\nboot_bus = 'sata'\n", {}, "agent.boot_bus is one of virtio, nvme"),
        ("", {"HELIO__AGENT__BOOT_BUS": "virtoi"}, "Did you mean virtio?"),
        ("", {"HELIO__AGENT__ACCELERATOR": "xen"}, "is one of auto, kvm, tcg"),
        ("", {"HELIO__API__PROT": "1"}, "Did you mean port?"),
        ("", {"HELIO__API__PORT": "many"}, "is not a number"),
        ("", {"HELIO__API__PORT__X": "1"}, "no settings below"),
        ("[api]\ntrusted_proxies = ['proxy']\n", {}, "api.trusted_proxies"),
        ("[identity.hashing]\npasses = 0\n", {}, "passes can't be 0; it is from 1 to 100"),
        ("[identity.hashing]\npasses = 0\n", {}, "The nearest possible value is 1."),
        ("", {"HELIO__IDENTITY__HASHING__PASSES": "1000"}, "nearest possible value is 100"),
        ("[identity.hashing]\nmemory_kib = 8\nlanes = 4\n", {}, "nearest possible value is 32"),
        ("[identity.passwords]\nminimum_length = 200\n", {}, "nearest possible value is 128"),
        ("[identity.lifetimes]\naccess_s = nan\n", {}, "it is from 60 to"),
        ("[identity.lockout]\nfailures = -1\n", {}, "identity.lockout.failures can't be -1"),
    ],
)
def test_wrong_settings_are_named(
    tmp_path: Path, text: str, environ: dict[str, str], says: str
) -> None:
    (tmp_path / "heliostat.toml").write_text(text)
    with pytest.raises(HeliostatError) as raised:
        load_settings(tmp_path, environ)
    assert raised.value.code == "InvalidSetting"
    assert says in f"{raised.value.message} {raised.value.hint}"


def test_a_list_comes_from_the_environment_too(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"HELIO__API__NAMES": "a.example, 192.0.2.1"})
    assert settings.api.names == ("a.example", "192.0.2.1")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "heliostat.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(HeliostatError, match="not valid TOML"):
        load_settings(tmp_path, {})
