"""Numbers of things in sentences: ``1 VM``, ``3 VMs``."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``number`` of what ``noun`` names in the singular; it gets an s unless there is one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
