"""Numbers of things in sentences."""

from __future__ import annotations

from heliostat.core.counting import counted


def test_one_thing_is_singular_and_none_or_several_are_plural() -> None:
    assert [counted(n, "VM") for n in (0, 1, 2)] == ["0 VMs", "1 VM", "2 VMs"]
