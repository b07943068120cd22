"""A scenario: how large the cloud is, how much is asked of it, and what goes wrong."""

from __future__ import annotations

import msgspec

from heliostat.sim.script import DEFAULT, Rule


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``gap_s`` is the mean time between two operations, in virtual seconds."""

    hosts: int = 8
    controllers: int = 2
    operations: int = 500
    gap_s: float = 1.0
    faults: tuple[Rule, ...] = DEFAULT
