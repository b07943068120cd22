"""What all runners of one worker share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.tasks.model import Step, Task

Completed = Callable[[str, Step], None]
Ended = Callable[[Task], None]


def _tell_nobody(_task: Task) -> None:
    """For workers that nobody measures."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The seams that steps work through.

    ``completed`` hears (operation, step) of every step's end, ``ended`` of every task's.
    """

    store: CloudStore
    clock: Clock
    ports: Any
    completed: Completed
    ended: Ended = _tell_nobody
