"""How runs of tdnf end: readers that go away, closed streams, answers, mistakes of ours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from heliostat.os.tdnf import api, entry
from heliostat.os.tdnf.change.watching import Watch
from heliostat.os.tdnf.change.words import Words
from heliostat.os.tdnf.output import Output
from heliostat.testing.package_set import package, published
from heliostat.testing.tdnf_system import Ran, TdnfSystem

_LIMIT_S = 100


@pytest.fixture
def system(tmp_path: Path) -> TdnfSystem:
    made = published(tmp_path / "base", package("app", requires=["lib"]), package("lib"))
    system = TdnfSystem(tmp_path / "system")
    system.enable(made)
    return system


def written_to(system: TdnfSystem, target: int | str, *words: str) -> Ran:
    """A run whose standard output is ``target``, written in pieces as users' runs write it."""
    argv = system.argv(*words)
    environment = {k: v for k, v in system.environment.items() if k != "PYTHONUNBUFFERED"}
    output = target if isinstance(target, int) else os.open(target, os.O_WRONLY)
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=_LIMIT_S,
        env=environment,
        cwd=system.folder,
        check=False,
    )
    os.close(output)
    return Ran(tuple(argv), done.returncode, "", done.stderr)


def nobodys_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("words", [("repolist",), ("-j", "list"), ("help",)])
def test_a_reader_that_has_seen_enough_is_no_failure(
    system: TdnfSystem, words: Sequence[str]
) -> None:
    ran = written_to(system, nobodys_pipe(), "-q", *words)
    assert (ran.exit_code, ran.stderr) == (0, "")


def test_a_failure_stays_one_though_nobody_reads(system: TdnfSystem) -> None:
    ran = written_to(system, nobodys_pipe(), "list", "nothing")
    assert ran.exit_code == 1011 % 256
    assert ran.error == 1011


def test_a_change_that_nobody_watches_is_not_told_as_done(system: TdnfSystem) -> None:
    ran = written_to(system, nobodys_pipe(), "-y", "install", "app")
    assert ran.error == 1632
    assert ran.exit_code == 1632 % 256
    assert system.run("list", "installed").error == 1013


@pytest.mark.parametrize("words", [("repolist",), ("-j", "list", "nothing"), ("help",)])
def test_results_that_find_no_room_are_an_error(system: TdnfSystem, words: Sequence[str]) -> None:
    ran = written_to(system, "/dev/full", *words)
    assert "Error(1628) : Writing what was found failed" in ran.stderr
    assert ran.exit_code == 1628 % 256


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-"])
@pytest.mark.parametrize(("words", "code"), [(("repolist",), 0), (("install", "app"), 8)])
def test_closed_streams_are_nowhere(
    system: TdnfSystem, closed: str, words: Sequence[str], code: int
) -> None:
    argv = ["sh", "-c", f'exec "$@" {closed}', "sh", *system.argv("-q", *words)]
    done = subprocess.run(argv, capture_output=True, timeout=_LIMIT_S, check=False)
    assert b"Traceback" not in done.stderr
    assert done.returncode == code


def test_what_was_told_first_stands_first_in_a_log(system: TdnfSystem, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        subprocess.run(
            system.argv("-y", "install", "app"),
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=_LIMIT_S,
            env=system.environment | {"PYTHONUNBUFFERED": ""},
            check=True,
        )
    lines = log.read_text().splitlines()
    order = ["Installing:", "Testing transaction", "Running transaction", "Complete!"]
    assert [each for each in lines if each in order] == order


def test_names_that_are_no_text_are_shown(system: TdnfSystem) -> None:
    path = system.repositories / "odd.repo"
    path.write_bytes(b"[odd]\nname=Caf\xe9\nbaseurl=file:///no/caf\xe9\nenabled=1\n")
    (system.etc / "locks.d").mkdir()
    (system.etc / "locks.d/odd.conf").write_bytes(b"caf\xe9\n")
    assert "Caf\\udce9" in system.run("repolist").stdout
    assert system.run("-j", "repolist").json[1]["RepoName"] == "Caf\udce9"
    assert system.run("--repo=odd", "makecache").error in range(1201, 1300)
    system.done("--disablerepo=odd", "install", "app")
    ran = system.run("install", os.fsdecode(b"caf\xe9"))
    assert (ran.error, "caf\\udce9 is not UTF-8" in ran.stderr) == (902, True)


@pytest.mark.parametrize(
    ("answer", "number", "there"),
    [("maybe\n", 1033, False), ("n\n", 1032, False), ("\n", 1032, False), ("YES\n", 0, True)],
)
def test_an_answer_is_yes_or_no(system: TdnfSystem, answer: str, number: int, there: bool) -> None:
    assert system.run("--nogpgcheck", "install", "lib", answer=answer).error == number
    assert bool(system.run("-j", "list", "installed").json) is there


def test_a_dry_run_shows_and_changes_nothing(system: TdnfSystem) -> None:
    shown = system.run("-y", "--dryrun", "install", "app")
    assert shown.exit_code == 0
    assert "Nothing was changed" in shown.stdout
    asked = system.run("-j", "-y", "--dryrun", "install", "app")
    assert asked.steps("Install") == ["app-1-1.noarch", "lib-1-1.noarch"]
    assert system.run("list", "installed").error == 1013
    assert not list(system.root.rglob("*.rpm"))
    assert system.run("--dryrun", "install", "nothing").error == 1011
    system.done("install", "app")
    assert system.run("-y", "--dryrun", "erase", "lib").exit_code == 0
    assert len(system.installed()) == 2


def test_what_nobody_thought_of_is_told_as_everything_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> int:
        raise ZeroDivisionError("for this test")

    monkeypatch.setattr(entry, "command", lambda *_: fails)
    assert entry.main(["-j", "list"], "tdnf") == 1000 % 256
    told = json.loads(capsys.readouterr().out)
    assert told["Error"] == 1000
    assert "ZeroDivisionError: for this test" in told["ErrorMessage"]
    entry.main(["-v", "list"], "tdnf")
    assert "Traceback" in capsys.readouterr().err


def test_numbers_that_are_too_large_are_no_transactions(system: TdnfSystem) -> None:
    system.done("install", "lib")
    for number in ("9" * 30, "9" * 5000):
        assert system.run("history", "list", number).error == 1622


def test_a_program_may_change_a_system_more_than_once(system: TdnfSystem) -> None:
    where = {"config": str(system.configuration), "root": str(system.root)}
    api.install(["app"], **where)
    with pytest.raises(api.TdnfError):
        api.erase(["nothing"], **where)
    threaded = threading.Thread(target=api.erase, args=(["app"],), kwargs=where)
    threaded.start()
    threaded.join(_LIMIT_S)
    assert not threaded.is_alive()
    assert [each["Name"] for each in api.list(scope="installed", **where)] == ["lib"]


def test_what_scripts_start_can_be_ended(capfd: pytest.CaptureFixture[str]) -> None:
    """A service that inherits an ignored SIGTERM would not stop when it is told to.

    A terminal's signals go to scripts as well, which must not end in their middle.
    """
    with capfd.disabled(), Words() as words:
        watch = Watch(Output(), words, quiet=True)
        with watch:
            os.kill(os.getpid(), signal.SIGTERM)
            status = subprocess.run(
                ["cat", "/proc/self/status"], capture_output=True, text=True, check=True
            ).stdout
        watch.close()
    (ignored,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigIgn")]
    for each, wanted in ((signal.SIGTERM, 0), (signal.SIGHUP, 1), (signal.SIGINT, 1)):
        assert int(ignored, 16) >> (each - 1) & 1 == wanted, each.name
