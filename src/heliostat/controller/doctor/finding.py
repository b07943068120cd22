"""What a check-up tells."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Area(StrEnum):
    """Where something is wrong."""

    STORE = "store"
    """A document can't be read."""
    BOOKS = "books"
    """Documents contradict each other: quotas, reservations, references, indexes, locks."""
    AGENTS = "agents"
    """A host can't be seen."""
    GUESTS = "guests"
    """A host has something else than the store says."""
    CONTENT = "content"
    """An image's file is not there."""
    TASKS = "tasks"
    """A task makes no progress."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence about one thing; ``hint`` is what to do where repair can't help."""

    area: Area
    message: str
    hint: str = ""


class Checkup(msgspec.Struct, frozen=True, kw_only=True):
    """All findings at ``revision``, and what a repair would do, a sentence each."""

    revision: int
    documents: int
    findings: tuple[Finding, ...]
    repairs: tuple[str, ...]
