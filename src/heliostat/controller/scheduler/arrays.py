"""The bare arrays of the fleet, one element a host, and their growth.

``terms`` has what scores are made of, so that one product with a request's
vector scores all hosts: a base, and what a MiB and a CPU take from it.  Its rows are
32 bytes long (one column is empty), a length that numpy picks out of an array fastest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliostat.controller.scheduler.tally import Floats

Bools = NDArray[np.bool_]

BASE, PER_MIB, PER_CPU, _WIDTH = 0, 1, 2, 4
"""Columns of ``terms``."""


class HostArrays:
    """Arrays that are longer than there are hosts; rows not in use are all zeros."""

    def __init__(self, size: int = 64) -> None:
        self._flags: Bools = np.zeros((5, 0), dtype=np.bool_)
        self._numbers: Floats = np.zeros((2, 0))
        self.terms: Floats = np.zeros((0, _WIDTH))
        self.salt: NDArray[np.uint32] = np.zeros(0, dtype=np.uint32)
        self.grow(size)

    def __len__(self) -> int:
        return len(self.salt)

    def grow(self, size: int) -> None:
        """Make room for ``size`` hosts; arrays handed out before are stale."""
        more = size - len(self)
        self._flags = np.pad(self._flags, ((0, 0), (0, more)))
        self._numbers = np.pad(self._numbers, ((0, 0), (0, more)))
        self.terms = np.pad(self.terms, ((0, more), (0, 0)))
        self.salt = np.pad(self.salt, (0, more))
        self.exists, self.ready, self.active, self.cloud, self.mgmt = self._flags
        self.cpu_room, self.memory_room = self._numbers
