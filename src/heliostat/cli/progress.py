"""How far a task or an upload is, on standard error.

Live lines on a terminal, one plain line a change elsewhere, nothing where a
program reads (``-o json``) or ``-q`` asks for silence; a terminal that shows
JSON still gets the live lines, since they are wiped at the end.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from heliostat.cli import text
from heliostat.wire.tasks import Step, Task

if TYPE_CHECKING:
    from heliostat.cli.session import Choices

_MARKS = {"COMPLETED": "✓", "ERROR": "✗", "STARTED": "…", "QUEUED": " "}
_PLAIN_UPLOAD_SHARE = 0.1


class Progress:
    """Shows tasks and uploads; use it as a context manager."""

    def __init__(self, choices: Choices) -> None:
        on_terminal = sys.stderr.isatty()
        self._live: Any = None
        self._is_live = on_terminal and not choices.quiet
        self._is_silent = choices.quiet or (choices.json and not on_terminal)
        self._told: set[str] = set()
        self._upload_share = 0.0
        self._began_s = time.monotonic()

    def __enter__(self) -> Progress:
        if self._is_live:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), transient=True, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def task(self, task: Task) -> None:
        """A new reading of the task."""
        if self._live is not None:
            self._show("\n".join(task_lines(task, time.monotonic() - self._began_s)))
            return
        for step in sorted(task.steps, key=lambda step: step.sequence):
            if step.state != "QUEUED":
                how_far = count(step)
                self._tell(f"{task.operation}: {step.operation} {step.state.lower()}{how_far}")
        if task.stalled is not None:
            self._tell(f"{task.operation}: waits: {task.stalled.reason}")

    def upload(self, sent_bytes: int, size_bytes: int) -> None:
        """More of a file was sent."""
        share = sent_bytes / size_bytes if size_bytes else 1.0
        if self._live is not None:
            self._show(upload_line(sent_bytes, size_bytes, time.monotonic() - self._began_s))
        elif share >= self._upload_share or share == 1.0:
            self._upload_share = share + _PLAIN_UPLOAD_SHARE
            self._tell(f"upload: {share:.0%} of {text.size(size_bytes)}")

    def _show(self, lines: str) -> None:
        from rich.text import Text

        self._live.update(Text(lines), refresh=True)

    def _tell(self, line: str) -> None:
        if line not in self._told and not self._is_silent:
            self._told.add(line)
            print(line, file=sys.stderr, flush=True)


def task_lines(task: Task, elapsed_s: float) -> list[str]:
    """A task with its steps, and why it waits."""
    lines = [f"{task.operation} {task.state.lower()} ({text.duration(elapsed_s)})"]
    for step in sorted(task.steps, key=lambda step: step.sequence):
        lines.append(f"  {_MARKS.get(step.state, '?')} {step.operation}{_detail(step)}")
    if task.stalled is not None:
        actions = ", ".join(f"helio task {action} {task.id}" for action in task.stalled.actions)
        lines.append(
            f"  waits: {task.stalled.reason}" + (f" (you may: {actions})" if actions else "")
        )
    return lines


def upload_line(sent_bytes: int, size_bytes: int, elapsed_s: float) -> str:
    """A bar, the share, and the rate."""
    share = sent_bytes / size_bytes if size_bytes else 1.0
    filled = round(share * 30)
    rate = text.size(sent_bytes / elapsed_s) if elapsed_s > 0 else "-"
    bar = "█" * filled + "░" * (30 - filled)
    return f"upload {bar} {share:.0%} of {text.size(size_bytes)} ({rate}/s)"


def _detail(step: Step) -> str:
    if step.errors:
        return f": {step.errors[0].message}"
    took = text.took(step.started_time, step.end_time)
    return count(step) + ("" if took == "-" else f" {took}")


def count(step: Step) -> str:
    """How far a step is that does many things: `` 3 of 50``, empty for others."""
    told = step.resource_properties.get("progress")
    return f" {told['done']} of {told['total']}" if told else ""
