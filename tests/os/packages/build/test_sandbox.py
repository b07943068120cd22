"""What a build can see and do: nothing but its own folder, and only for so long."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.build.carry_out import carry_out
from heliostat.os.packages.build.input_file import Input
from heliostat.os.packages.build.recipe import Limits
from heliostat.testing.builds import recipe


def told(script: str, cache: Path) -> str:
    """What the script writes into the file ``told``."""
    (path,) = carry_out(recipe(f"({script}) > told 2>&1 || true", "told"), cache).files
    return path.read_text()


def test_no_network_device_but_the_loop(tmp_path: Path) -> None:
    devices = told("cat /proc/net/dev", tmp_path)
    assert [line.split(":")[0].strip() for line in devices.splitlines() if ":" in line] == ["lo"]


def test_runs_as_the_builder_without_capabilities(tmp_path: Path) -> None:
    assert told("id -u; grep -E 'CapEff|NoNewPrivs' /proc/self/status", tmp_path).split() == [
        "64917",
        "CapEff:",
        "0000000000000000",
        "NoNewPrivs:",
        "1",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start builds as somebody else")
def test_is_not_root_outside_either(tmp_path: Path) -> None:
    (path,) = carry_out(recipe("touch mine", "mine"), tmp_path).files
    assert path.stat().st_uid == 64917


def test_only_the_build_folder_can_be_written_to(tmp_path: Path) -> None:
    tried = "for at in / /usr /etc /var /in; do touch $at/x 2>/dev/null && echo $at; done; echo end"
    assert told(tried, tmp_path).split() == ["end"]


def test_scratch_folders_are_there_for_the_builder(tmp_path: Path) -> None:
    tried = "for at in /tmp /var/tmp /dev/shm /build; do touch $at/x && echo $at; done"
    assert told(tried, tmp_path).split() == ["/tmp", "/var/tmp", "/dev/shm", "/build"]


def test_home_folders_and_other_processes_are_not_there(tmp_path: Path) -> None:
    assert told("ls -d /root /home 2>/dev/null; ls /proc | grep -c '^[0-9]'", tmp_path) < "9"


def test_nothing_of_the_callers_environment_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    seen = told("env", tmp_path)
    assert "SECRET_TOKEN" not in seen
    assert "TZ=UTC" in seen


def test_inputs_are_there_under_their_names(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("forty-two\n")
    step = recipe("cp /in/answer told", "told", inputs=(Input.of(tmp_path / "data", "answer"),))
    (path,) = carry_out(step, tmp_path).files
    assert path.read_text() == "forty-two\n"


def test_inputs_that_only_their_owner_may_read_are_read(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine\n")
    (tmp_path / "data").chmod(0o600)
    step = recipe("cp /in/data told", "told", inputs=(Input.of(tmp_path / "data"),))
    (path,) = carry_out(step, tmp_path).files
    assert path.read_text() == "mine\n"


def test_a_build_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match=r"did not end within 0\.5 s") as refused:
        carry_out(recipe("sleep 600", "told", limits=Limits(0.5, 2**28)), tmp_path)
    assert refused.value.code == "BuildFailed"


def test_a_build_that_fills_the_disk_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heliostat.os.packages.build.sandbox._LOOK_EVERY_S", 0.05)
    filling = recipe("cat /dev/zero | head -c 64M > big; sleep 600", "x", limits=Limits(60, 2**24))
    with pytest.raises(HeliostatError, match=r"its limit is 16 MiB"):
        carry_out(filling, tmp_path)


def test_a_build_that_prints_without_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the disk, by the log, nor the memory, by a line without end."""
    monkeypatch.setattr("heliostat.os.packages.build.sandbox._LOOK_EVERY_S", 0.05)
    limits = Limits(60, 2**22)
    with pytest.raises(HeliostatError, match=r"its limit is 4 MiB") as refused:
        carry_out(recipe("tr '\\0' x < /dev/zero", "x", limits=limits), tmp_path)
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("name", ["../outside", "a/b", "", ".x", "x y"])
def test_no_source_names_a_folder_of_ours(tmp_path: Path, name: str) -> None:
    with pytest.raises(HeliostatError, match="can't be a file's name") as refused:
        carry_out(recipe("true", "x", name=name), tmp_path)
    assert refused.value.code == "InvalidSetting"
    assert not list(tmp_path.iterdir())
