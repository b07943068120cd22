"""The journal: what is about to be done, on disk before rpm begins, gone when history has it.

``persistdir/transaction.json`` is written whole and synced.  One that a run finds is of a
run that ended in the middle of its transaction.
"""

from __future__ import annotations

import os

from heliostat.os.tdnf.change.plan import Plan, Step
from heliostat.os.tdnf.errors import system_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "transaction.json"
_FIELDS = Step.__slots__


class Entry:
    """What a journal holds; ``files`` are paths of packages by NEVRA."""

    __slots__ = ("argv", "files", "plan", "time_s")

    def __init__(self, plan: Plan, files: dict[str, str], argv: Sequence[str], time_s: int) -> None:
        self.plan = plan
        self.files = files
        self.argv = tuple(argv)
        self.time_s = time_s


def write(folder: str, entry: Entry) -> None:
    """Keeps ``entry``: it is on disk when this returns.  Raises ``TdnfError`` 1600 + errno."""
    # only a run that changes the system gets here
    import json

    steps = [{name: getattr(step, name) for name in _FIELDS} for step in entry.plan.steps]
    told = {
        "command": entry.argv,
        "time": entry.time_s,
        "steps": steps,
        "wanted": sorted(entry.plan.wanted),
        "marks": entry.plan.marks,
        "files": entry.files,
    }
    path = os.path.join(folder, NAME)
    try:
        os.makedirs(folder, exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(told, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)
        _sync(folder)
    except OSError as error:
        raise system_error(error, f"Writing {path}") from None


def read(folder: str) -> Entry | None:
    """The journal that is there.  One that can't be read was never whole: it is no journal."""
    import json

    try:
        with open(os.path.join(folder, NAME), encoding="utf-8") as file:
            told = json.load(file)
        steps = [Step(**each) for each in told["steps"]]
        plan = Plan(steps, wanted=told["wanted"])
        plan.marks = told.get("marks", {})
        return Entry(plan, told["files"], told["command"], told["time"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove(folder: str) -> None:
    """The transaction is over."""
    try:
        os.unlink(os.path.join(folder, NAME))
    except FileNotFoundError:
        return
    _sync(folder)


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
