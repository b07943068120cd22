"""The root command: help without imports, exit codes, errors in both forms."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heliostat.cli import failures
from heliostat.cli.catalogue import CATALOGUE
from heliostat.cli.failures import exit_code, wants_json
from heliostat.cli.reference import reference
from heliostat.core.errors import HeliostatError
from heliostat.testing import answers
from heliostat.testing.recorder import RecordingController

ROOT = Path(__file__).parent.parent.parent
HELP = """
import sys
from heliostat.cli.main import run
code = run(["--help"])
heavy = {"httpx", "rich", "msgspec", "websockets", "heliostat.client", "asyncio"} & set(sys.modules)
print(sorted(heavy), file=sys.stderr)
sys.exit(code)
"""


def test_help_lists_every_command_and_loads_none() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"
    for name, entry in CATALOGUE.items():
        assert f"  {name} " in done.stdout
        assert entry.summary in done.stdout


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if not entry.extra])
def test_every_command_has_help(helio: Any, name: str) -> None:
    shown = helio(name, "--help")
    assert shown.code == 0
    assert f"Usage: helio {name}" in shown.out


def test_the_reference_is_current() -> None:
    committed = (ROOT / "docs" / "reference" / "cli.md").read_text()
    assert committed == reference(), "run python -m heliostat.cli.reference > docs/reference/cli.md"


def test_a_mistyped_command_names_the_nearest(helio: Any) -> None:
    shown = helio("tenat", "list")
    assert shown.code == failures.USAGE
    assert "Did you mean 'tenant'?" in shown.err
    assert "Code:  UsageError" in shown.err


def test_a_noun_without_a_verb_lists_its_verbs(helio: Any) -> None:
    told = helio("identity", "policy")
    assert told.code == failures.USAGE
    assert told.err.startswith("Usage: helio identity policy")
    assert "reset" in told.err
    assert "Hint:" not in told.err


@pytest.mark.parametrize(
    "words",
    [
        ("user", "update", "ada"),
        ("group", "update", "staff"),
        ("identity", "ou", "update", "labs"),
        ("identity", "computer", "update", "web1"),
        ("identity", "provider", "update", "corp"),
        ("identity", "source", "update", "corp.example"),
    ],
)
def test_a_change_of_nothing_is_wrong_usage(
    helio: Any, controller: RecordingController, words: tuple[str, ...]
) -> None:
    told = helio(*words)
    assert (told.code, "Name at least one setting." in told.err) == (failures.USAGE, True)


def test_people_are_named_beside_identity(helio: Any) -> None:
    told = helio("identity", "user", "list")
    assert (told.code, "It is `helio user`" in told.err) == (failures.USAGE, True)


def test_wrong_usage_is_json_when_json_is_wanted(helio: Any) -> None:
    shown = helio("vm", "create", "-o", "json")
    assert shown.code == failures.USAGE
    assert shown.error["code"] == "UsageError"
    assert shown.error["hint"] == "`helio vm create --help` shows how."
    assert shown.out == ""


def test_an_error_has_three_parts(helio: Any, controller: RecordingController) -> None:
    body = {"code": "QuotaError", "message": "vm.cpu: too much.", "data": {"key": "vm.cpu"}}
    controller.answer("GET /v1/tenants", body, status=400)
    shown = helio("tenant", "list")
    assert shown.code == failures.REFUSED
    assert shown.err.splitlines()[0] == "Error: vm.cpu: too much."
    assert shown.err.splitlines()[1] == "Code:  QuotaError"
    assert shown.err.splitlines()[2].startswith("Hint:  ")
    assert helio("tenant", "list", "-o", "json").error["data"] == {"key": "vm.cpu"}


def test_nothing_listens(helio: Any) -> None:
    shown = helio("tenant", "list", "--target", "http://127.0.0.1:1", "-o", "json")
    assert shown.code == failures.UNREACHABLE
    assert shown.error["code"] == "Unreachable"


def test_not_signed_in(helio: Any, controller: RecordingController) -> None:
    controller.refuse("GET /v1/tenants", 401, "MissingAuthToken")
    shown = helio("tenant", "list")
    assert shown.code == failures.NOT_SIGNED_IN
    assert "helio login" in shown.err


def test_no_platform_chosen(helio: Any) -> None:
    shown = helio("tenant", "list")
    assert shown.code == failures.REFUSED
    assert "helio target set" in shown.err


def test_a_failed_task_has_an_exit_code_of_its_own(
    helio: Any, controller: RecordingController
) -> None:
    step = answers.step("START_VM", "ERROR", answers.problem("GuestCrashed", "It died."))
    controller.answer(f"POST /v1/vms/{answers.VM}/start", answers.task("QUEUED"), status=201)
    controller.answer(f"GET /v1/tasks/{answers.TASK}", answers.task("ERROR", steps=[step]))
    shown = helio("vm", "start", answers.VM, "-o", "json")
    assert shown.code == failures.TASK_FAILED
    assert shown.error["code"] == "GuestCrashed"
    assert shown.error["data"]["taskId"] == answers.TASK


def test_a_defect_is_told_without_a_trace(
    helio: Any, controller: RecordingController, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("oops")

    monkeypatch.setattr("heliostat.client.tenants.Tenants.list", broken)
    shown = helio("tenant", "list")
    assert shown.code == failures.REFUSED
    assert "Code:  InternalError" in shown.err
    assert "Traceback" not in shown.err


def test_interrupting_a_wait_leaves_the_task_running(
    helio: Any, controller: RecordingController, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    controller.answer(f"POST /v1/vms/{answers.VM}/start", answers.task("QUEUED"), status=201)
    monkeypatch.setattr("heliostat.client.tasks.wait", interrupted)
    shown = helio("vm", "start", answers.VM)
    assert shown.code == failures.INTERRUPTED
    assert "goes on" in shown.err
    assert f"helio task watch {answers.TASK}" in shown.err
    assert all("undo" not in seen.path for seen in controller.seen)


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        (["vm", "list", "-o", "json"], True),
        (["--output", "json", "vm", "list"], True),
        (["vm", "list", "-ojson"], True),
        (["vm", "list", "--output=json"], True),
        (["vm", "list", "-o", "table"], False),
        (["vm", "ssh", "x", "--", "kubectl", "-o", "json"], False),
    ],
)
def test_json_is_noticed_before_parsing(argv: list[str], wanted: bool) -> None:
    assert wants_json(argv) is wanted


def test_exit_codes_of_errors() -> None:
    assert exit_code(HeliostatError("CertificateInvalid", "x")) == failures.UNREACHABLE
    assert exit_code(HeliostatError("InvalidGrant", "x")) == failures.NOT_SIGNED_IN
    assert exit_code(HeliostatError("NameTaken", "x")) == failures.REFUSED
    assert exit_code(KeyboardInterrupt()) == failures.INTERRUPTED


def test_a_part_that_is_not_installed_is_named(helio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError("No module named 'aiohttp'", name="aiohttp")

    monkeypatch.setattr("heliostat.cli.main.importlib.import_module", missing)
    shown = helio("controller")
    assert "aiohttp" in shown.err
    assert "pip install 'heliostat[server]'" in shown.err


def test_a_platform_of_this_machine_that_does_not_run_is_to_be_started(
    helio: Any, tmp_path: Path
) -> None:
    shown = helio("tenant", "list", "--target", f"unix:{tmp_path}/none.sock", "-o", "json")
    assert shown.code == failures.UNREACHABLE
    assert "`helio up`" in shown.error["hint"]
    assert "helio status" not in shown.error["hint"]
