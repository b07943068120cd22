"""Many histories: whatever goes wrong, everything adds up once it is calm again.

A seed that fails prints the command that plays it again.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from heliostat.sim.report import command_of, violations
from heliostat.sim.run import play
from heliostat.sim.scenario import Scenario

QUICK, BATCH = 50, 10
MANY, PROCESSES = 1000, 2
OPERATIONS = 500


def failure(seed: int) -> str:
    """What went wrong with the seed, empty if nothing did."""
    outcome = play(Scenario(operations=OPERATIONS), seed)
    assert outcome.operations.total() == OPERATIONS
    if not outcome.violations:
        return ""
    return "\n".join(violations(outcome, command_of(seed, {"operations": OPERATIONS})))


@pytest.mark.parametrize("first", range(1, QUICK + 1, BATCH))
def test_seeds(first: int) -> None:
    failed = [text for seed in range(first, first + BATCH) if (text := failure(seed))]
    assert not failed, "\n\n".join(failed)


@pytest.mark.slow
@pytest.mark.takes(600)
@pytest.mark.timeout(2400)
def test_many_seeds() -> None:
    seeds = range(QUICK + 1, QUICK + MANY + 1)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        failed = [text for text in pool.map(failure, seeds, chunksize=5) if text]
    assert not failed, f"{len(failed)} of {MANY} seeds:\n\n" + "\n\n".join(failed[:10])
