"""Leaving goes on where one step fails, says what stayed, and can be run again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.member.joining import membership
from heliostat.member.joining.changes import CommandChange, FileChange
from heliostat.member.joining.computer_account import Credentials, deleting, disabling, end_account
from heliostat.member.joining.join import Member, Wishes
from heliostat.member.joining.journal import Journal
from heliostat.member.joining.leave_command import leave as leave_command
from heliostat.member.joining.membership import Membership
from heliostat.member.joining.showing import facts
from heliostat.member.places import VARIABLE, Machine

MEMBER = Membership("corp.example", "WEB1", "ldap://dc1.corp.example", "", joined=True)
CHANGES = (
    FileChange("etc/first", "first\n", 0o644, "a file"),
    CommandChange((), ("stop",), "a program runs"),
    FileChange("etc/second", "second\n", 0o644, "a file"),
)


class Programs:
    """Stands where programs run; some fail."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.failing = {"stop"}

    def __call__(self, argv: Sequence[str]) -> str:
        self.ran.append(list(argv))
        if argv[0] in self.failing:
            raise PermanentError("CommandFailed", f"{argv[0]} exited with 1.")
        return ""


@pytest.fixture
def programs() -> Programs:
    return Programs()


@pytest.fixture
def machine(tmp_path: Path, programs: Programs) -> Machine:
    made = Machine(tmp_path)
    membership.keep(made, MEMBER)
    Journal(made.changes, made.root, programs).make(CHANGES)
    return made


def test_the_rest_is_taken_back_and_what_stayed_is_told(
    machine: Machine, programs: Programs
) -> None:
    told: list[str] = []
    (machine.root / "etc/second").write_text("mine\n")
    with pytest.raises(HeliostatError) as failed:
        Member(machine, programs, told.append).leave()
    assert failed.value.code == "MembershipRemains"
    assert "`stop`" in failed.value.message
    assert "helio identity leave" in (failed.value.hint or "")
    assert "not taken back: `stop`: stop exited with 1." in told
    assert any(each.endswith("is what somebody had changed since") for each in told)
    assert not (machine.root / "etc/first").exists()
    assert not (machine.root / "etc/second").exists()
    half = membership.required(machine)
    assert half.leaving
    assert ("state", "leaving: run `helio identity leave` again") in facts(half)
    with pytest.raises(HeliostatError, match="StateError"):
        Member(machine, programs).join("", Wishes())


def test_leaving_again_goes_on_with_what_stayed(machine: Machine, programs: Programs) -> None:
    with pytest.raises(HeliostatError, match="MembershipRemains"):
        Member(machine, programs).leave()
    programs.failing = set()
    programs.ran.clear()
    assert Member(machine, programs).leave() == []
    assert programs.ran == [["stop"]], "what was taken back is not taken back again"
    assert membership.read(machine) is None
    assert not machine.changes.exists()


def test_a_file_that_can_not_be_put_back_stays_alone(machine: Machine, programs: Programs) -> None:
    programs.failing = set()
    (machine.root / "etc/second").unlink()
    (machine.root / "etc/second").mkdir()  # somebody's folder by now
    with pytest.raises(HeliostatError) as failed:
        Member(machine, programs).leave()
    assert "/etc/second" in failed.value.message
    assert not (machine.root / "etc/first").exists()
    (machine.root / "etc/second").rmdir()
    assert Member(machine, programs).leave() == []


def test_the_command_fails_and_says_so(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(machine.root))
    done = CliRunner().invoke(leave_command, ["--yes"])
    assert done.exit_code != 0, "there is no program called stop"
    assert "not taken back" in done.output
    assert isinstance(done.exception, HeliostatError)


class Heard:
    """Stands where programs read a secret."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], bytes]] = []
        self.refuses = False

    def __call__(self, argv: Sequence[str], secret: bytes) -> None:
        self.calls.append((list(argv), secret))
        if self.refuses:
            raise PermanentError("CommandFailed", "adcli exited with 2.")


def test_a_computer_is_deleted_or_disabled_by_who_may(machine: Machine) -> None:
    heard, programs = Heard(), Programs()
    end_account(machine, MEMBER, Credentials("Administrator", "secret"), programs, heard)
    where = ["--domain", "corp.example", "--domain-controller", "dc1.corp.example"]
    delete = ["adcli", "delete-computer", *where, "--stdin-password", "--login-user"]
    assert heard.calls == [([*delete, "Administrator", "WEB1"], b"secret")]
    assert deleting(MEMBER, "x")[-1] == "WEB1"
    heard.calls.clear()
    end_account(machine, MEMBER, Credentials("Administrator", "secret", keep=True), programs, heard)
    ((kinit, secret),) = heard.calls
    assert (kinit[0], kinit[-1], secret) == ("kinit", "Administrator@CORP.EXAMPLE", b"secret\n")
    (update,) = programs.ran
    assert update[:2] == ["adcli", "update"]
    assert update[-1] == "--account-disable=yes"
    (tickets,) = [each for each in update if each.startswith("--login-ccache=")]
    assert not Path(tickets.partition("=")[2]).parent.exists()
    assert "secret" not in " ".join([*update, *kinit])
    assert disabling(machine, MEMBER, "FILE:/t")[-2] == "--computer-password-lifetime=0"


@pytest.mark.parametrize("user", ["", "--help", "a\nb"])
def test_who_can_not_be_named_is_refused(machine: Machine, user: str) -> None:
    with pytest.raises(HeliostatError, match="InvalidEntity"):
        end_account(machine, MEMBER, Credentials(user, "x"), Programs(), Heard())


@pytest.mark.parametrize("options", [["--keep-computer"], ["--ad-user", "x"]])
def test_options_that_say_nothing_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    machine = Machine(tmp_path)
    membership.keep(machine, Membership("acme.example", "web-1", "https://c", "https://c/i"))
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    done = CliRunner().invoke(leave_command, ["--yes", *options])
    assert done.exit_code == 2
    assert membership.read(machine) is not None
