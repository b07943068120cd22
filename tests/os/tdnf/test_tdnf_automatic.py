"""tdnf-automatic tells of updates or installs them, as its settings say, and ends with a code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.tdnf_system import TdnfSystem


class Automatic:
    """A system with an update and an advisory, and tdnf-automatic for it."""

    def __init__(self, folder: Path) -> None:
        self.made = PackageSet(folder / "base")
        new = package("app", "2-1")
        self.made.add(package("app", "1-1"), new, package("other", "1-1"), package("other", "2-1"))
        self.made.advise("A-1", new, severity="Important")
        self.made.publish()
        self.system = TdnfSystem(folder / "system")
        self.system.enable(self.made)
        self.system.holds(self.made, "app-1-1.noarch", "other-1-1.noarch")
        self.settings = folder / "automatic.conf"
        self.file = folder / "told"

    def run(self, *words: str, **keys: str) -> subprocess.CompletedProcess[str]:
        sections = {"commands": "", "emitter": f"emit_to_file={self.file}\nsystem_name=host\n"}
        sections["base"] = f"tdnf_conf={self.system.configuration}\n"
        sections["commands"] = "network_online_timeout=0\n"
        for key, value in keys.items():
            section, _, name = key.partition("_")
            sections[section] += f"{name}={value}\n"
        self.settings.write_text("".join(f"[{name}]\n{text}" for name, text in sections.items()))
        return self.start("-c", str(self.settings), *words)

    def start(self, *words: str) -> subprocess.CompletedProcess[str]:
        root = str(self.system.root)
        start = "import sys; from heliostat.os.tdnf.automatic import main; "
        program = f"{start}sys.exit(main(root={root!r}))"
        return subprocess.run(
            [sys.executable, "-c", program, *words],
            capture_output=True,
            text=True,
            timeout=100,
            env=self.system.environment,
            check=False,
        )


@pytest.fixture
def automatic(tmp_path: Path) -> Automatic:
    return Automatic(tmp_path)


BEFORE = ["app-1-1.noarch", "other-1-1.noarch"]
AFTER = ["app-2-1.noarch", "other-2-1.noarch"]


def test_updates_are_told_and_not_installed(automatic: Automatic) -> None:
    ran = automatic.run()
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        "RefreshCache success",
        "The following updates are available on - host",
        *AFTER,
    ]
    assert automatic.file.read_text().splitlines() == ran.stdout.splitlines()[1:]
    assert automatic.system.installed() == BEFORE


def test_updates_are_installed_when_settings_or_the_caller_say_so(automatic: Automatic) -> None:
    assert automatic.run("-n", commands_apply_updates="yes").returncode == 0
    assert automatic.system.installed() == BEFORE
    ran = automatic.run(commands_apply_updates="yes", commands_upgrade_type="security")
    assert "The following updates are applied on - host" in ran.stdout
    assert automatic.system.installed() == ["app-2-1.noarch", "other-1-1.noarch"]
    assert automatic.run("-i").returncode == 0
    assert automatic.system.installed() == AFTER
    assert "System upto date" in automatic.run().stdout
    assert list(automatic.file.parent.glob("told.*.bak"))


def test_without_a_repository_nothing_is_told_as_current(automatic: Automatic) -> None:
    (automatic.made.folder / "repodata" / "repomd.xml").unlink()
    ran = automatic.run()
    assert (ran.returncode, "System is off-line" in ran.stderr) == (64, True)
    assert not automatic.file.exists()


@pytest.mark.parametrize(
    ("keys", "code", "told"),
    [
        ({"commands_show_updates": "badbool"}, 22, "Invalid input"),
        ({"commands_random_sleep": "soon"}, 22, "Invalid input"),
        ({"commands_upgrade_type": "badval"}, 22, "Invalid entry"),
        ({"base_tdnf_conf": "/bad/file.conf"}, 2, "does not exist"),
    ],
)
def test_mistakes_are_found_before_anything_is_done(
    automatic: Automatic, keys: dict[str, str], code: int, told: str
) -> None:
    ran = automatic.run(**keys)
    assert (ran.returncode, told in ran.stderr, ran.stdout) == (code, True, "")


def test_the_timer_waits_no_longer_than_it_may(automatic: Automatic) -> None:
    ran = automatic.run("-t", commands_random_sleep="1")
    assert ran.stdout.splitlines()[0] in ("Sleep for 0 seconds", "Sleep for 1 seconds")


def test_the_command_line_explains_itself(automatic: Automatic) -> None:
    assert "tdnf-automatic help:" in automatic.start("-h").stdout
    assert "tdnf-automatic - version:" in automatic.start("-v").stdout
    wrong = automatic.start("--invalid")
    assert (wrong.returncode, "tdnf-automatic help:" in wrong.stderr) == (22, True)
    assert automatic.start("-c", "/bad/file.conf").returncode == 2


def test_updates_do_not_wait_for_a_file_that_can_not_be_written(automatic: Automatic) -> None:
    ran = automatic.run("-i", emitter_emit_to_file=str(automatic.system.folder / "no/such/file"))
    assert (ran.returncode, automatic.system.installed()) == (22, AFTER)
    assert "emit_to_file" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_update_that_can_not_be_had_is_no_failure(automatic: Automatic) -> None:
    automatic.made.add(package("app", "3-1", requires=["nothing-has-this"]))
    automatic.made.publish()
    automatic.run("-i")
    ran = automatic.run("-i")
    assert ran.returncode == 0, ran.stderr
    assert automatic.system.installed() == AFTER
