"""Newer settings reach a member that joined earlier: ours are replaced, an administrator's stay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.member.joining.changes import Change, CommandChange, FileChange, digest
from heliostat.member.joining.journal import JOINING, Journal
from heliostat.member.joining.rewriting import BESIDE, Act, decide, rewrite, superseded
from heliostat.member.joining.steps import FileStep

OLD = FileChange("etc/sssd.conf", "old\n", 0o600, "who is asked")
NEW = FileChange("etc/sssd.conf", "new\n", 0o600, "who is asked")
STACK = FileChange("etc/pam.d/common-auth", "stack\n", 0o644, "passwords")
RESTART = CommandChange(("restart",), (), "it reads its settings")
ENABLE = CommandChange(("enable",), ("disable",), "it runs")


class Programs:
    """Stands where programs run: keeps what was run, and fails at one of them."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.fails_at = ""
        self.dies_at = ""

    def __call__(self, argv: Sequence[str]) -> str:
        self.ran.append(argv[0])
        if argv[0] == self.dies_at:
            raise KeyboardInterrupt
        if argv[0] == self.fails_at:
            raise PermanentError("CommandFailed", f"{argv[0]} failed.")
        return ""


@pytest.fixture
def programs() -> Programs:
    return Programs()


@pytest.fixture
def journal(tmp_path: Path, programs: Programs) -> Journal:
    (tmp_path / "etc/pam.d").mkdir(parents=True)
    (tmp_path / "etc/pam.d/common-auth").write_text("theirs\n")
    made = Journal(tmp_path / "journal", tmp_path, programs)
    made.make([OLD, STACK, ENABLE, RESTART])
    programs.ran.clear()
    return made


def _text(journal: Journal, path: str) -> str:
    return (journal.root / path).read_text()


@pytest.mark.parametrize(
    ("wanted", "now", "step", "act"),
    [
        ("a", "a", None, Act.NOTHING),
        ("a", None, None, Act.WRITE),
        ("a", "b", None, Act.WRITE),
        ("new", "old", ("before", "old", None), Act.WRITE),
        ("new", "older", ("before", "old", "older"), Act.WRITE),  # killed before it was written
        ("new", "before", ("before", "old", None), Act.WRITE),
        ("new", "mine", ("before", "old", None), Act.KEEP),
        ("new", None, ("before", "old", None), Act.KEEP),
        ("old", "mine", ("before", "old", None), Act.NOTHING),
        (None, "old", ("before", "old", None), Act.TAKE_BACK),
        (None, "mine", ("before", "old", None), Act.KEEP),
        (None, "before", ("before", "old", None), Act.NOTHING),
        (None, "mine", None, Act.NOTHING),
    ],
)
def test_what_becomes_of_a_file(
    wanted: str | None, now: str | None, step: tuple[str, str, str | None] | None, act: Act
) -> None:
    change = FileChange("f", wanted, 0o644, "") if wanted is not None else None
    known = None
    if step is not None:
        before, wrote, was = (each.encode() if each is not None else None for each in step)
        known = FileStep("f", before, 0o644, wrote or b"", was)
    found = decide(change, now.encode() if now is not None else None, known)
    assert found.act is act
    assert found.why or wanted is not None


def test_what_we_wrote_is_replaced_and_programs_read_it(
    journal: Journal, programs: Programs
) -> None:
    told = rewrite(journal, [NEW, STACK, ENABLE, RESTART])
    assert _text(journal, NEW.path) == "new\n"
    assert told == ["/etc/sssd.conf: who is asked"]
    assert programs.ran == ["enable", "restart"]
    assert not journal.undo().aside
    assert not (journal.root / NEW.path).exists(), "there was none before us"
    assert _text(journal, STACK.path) == "theirs\n"


def test_what_an_administrator_changed_stays_and_the_new_text_lies_beside(
    journal: Journal,
) -> None:
    (journal.root / OLD.path).write_text("mine\n")
    (told,) = rewrite(journal, [NEW, STACK, RESTART])
    assert "was changed here since, so it stays" in told
    assert _text(journal, OLD.path) == "mine\n"
    assert _text(journal, OLD.path + BESIDE) == "new\n"
    rewrite(journal, [NEW, STACK, RESTART])  # the same a second time
    assert _text(journal, OLD.path + BESIDE) == "new\n"
    (journal.root / OLD.path).write_text("new\n")  # taken over
    rewrite(journal, [NEW, STACK, RESTART])
    assert not (journal.root / (OLD.path + BESIDE)).exists()


def test_who_asks_for_it_gets_what_is_new_and_keeps_a_copy(journal: Journal) -> None:
    (journal.root / OLD.path).write_text("mine\n")
    kept = journal.root / (OLD.path + JOINING)
    assert journal.make([NEW]) == [str(kept)]
    assert kept.read_text() == "mine\n"
    assert _text(journal, NEW.path) == "new\n"


def test_what_is_no_longer_wanted_is_taken_back(journal: Journal) -> None:
    (told,) = superseded(journal, [OLD])
    assert told == "/etc/pam.d/common-auth: it is no longer needed"
    assert _text(journal, STACK.path) == "theirs\n"
    assert journal.step_of(STACK.path) is None
    assert journal.step_of(OLD.path) is not None


def _tree(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in root.rglob("*")
        if path.is_file()
    }


MORE = FileChange("etc/krb5.conf", "realm\n", 0o644, "tickets")
LATER = CommandChange(("more",), ("less",), "a switch")


def test_if_a_program_fails_everything_is_as_it_was(journal: Journal, programs: Programs) -> None:
    """Its files, its journal, and what the programs have read."""
    before = _tree(journal.root)
    programs.fails_at = "restart"
    with pytest.raises(HeliostatError) as failed:
        rewrite(journal, [NEW, MORE, LATER, ENABLE, RESTART])
    assert failed.value.code == "MembershipUnchanged"
    assert "restart failed" in failed.value.message
    assert _tree(journal.root) == before
    assert programs.ran == ["more", "enable", "restart", "less", "more", "enable", "restart"]


def test_packages_are_not_fetched_again_to_go_back(journal: Journal, programs: Programs) -> None:
    fetch = CommandChange(("fetch",), (), "programs", once=True)
    programs.fails_at = "restart"
    with pytest.raises(HeliostatError, match="MembershipUnchanged"):
        rewrite(journal, [fetch, NEW, STACK, RESTART])
    assert programs.ran == ["fetch", "restart", "restart"]


@pytest.mark.parametrize("at", ["enable", "restart"])
def test_killed_between_it_goes_on(journal: Journal, programs: Programs, at: str) -> None:
    changes: list[Change] = [NEW, ENABLE, RESTART]
    programs.dies_at = at
    with pytest.raises(KeyboardInterrupt):
        rewrite(journal, changes)
    programs.dies_at = ""
    rewrite(journal, changes)
    assert _text(journal, NEW.path) == "new\n"
    journal.undo()
    assert _text(journal, STACK.path) == "theirs\n"
    assert not (journal.root / NEW.path).exists()


def test_a_plan_is_told_from_another(journal: Journal) -> None:
    assert digest([OLD, RESTART]) == digest([OLD, RESTART])
    others: list[list[Change]] = [[NEW, RESTART], [RESTART, OLD], [OLD], [OLD, ENABLE]]
    assert len({digest(each) for each in others} | {digest([OLD, RESTART])}) == 5
    assert journal.steps
