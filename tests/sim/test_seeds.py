"""Many histories: whatever goes wrong, everything adds up once it is calm again.

A seed that fails prints the command that plays it again.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

import pytest

from heliostat.sim.report import command_of, violations
from heliostat.sim.run import play
from heliostat.sim.scenario import Scenario

QUICK, MANY = 50, 1000
PROCESSES = 2
OPERATIONS, HAPPENING = 450, 500


def failure(seed: int) -> str:
    """What went wrong with the seed, empty if nothing did."""
    outcome = play(Scenario(operations=OPERATIONS), seed)
    assert outcome.operations.total() + outcome.faults.total() >= HAPPENING
    if not outcome.violations:
        return ""
    return "\n".join(violations(outcome, command_of(seed, {"operations": OPERATIONS})))


def failures(seeds: Iterable[int]) -> list[str]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        return [text for text in pool.map(failure, seeds, chunksize=5) if text]


@pytest.mark.timeout(600)
def test_seeds() -> None:
    failed = failures(range(1, QUICK + 1))
    assert not failed, "\n\n".join(failed)


@pytest.mark.slow
@pytest.mark.takes(650)
@pytest.mark.timeout(3000)
def test_many_seeds() -> None:
    failed = failures(range(QUICK + 1, QUICK + MANY + 1))
    assert not failed, f"{len(failed)} of {MANY} seeds:\n\n" + "\n\n".join(failed[:10])
