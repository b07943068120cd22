"""How a program is hardened, as binutils' readelf sees it."""

from __future__ import annotations

from pathlib import Path

from heliostat.core.process import run


def hardening_of(path: Path) -> set[str]:
    """Which of pie, now, relro, canary and fortify the program has."""
    told = run(["readelf", "--wide", "-hldrs", str(path)], timeout_s=60).stdout
    marks = {
        "pie": "Position-Independent Executable",
        "now": "BIND_NOW",
        "relro": "GNU_RELRO",
        "canary": "__stack_chk_fail",
        "fortify": "_chk@",
    }
    return {name for name, mark in marks.items() if mark in told}
