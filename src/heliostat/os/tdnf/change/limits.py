"""How many files a process may hold open while scripts of packages run.

Programs that close every number that a file could have before they start another are quick
with a thousand of them, and take minutes with the billion that some containers allow.
"""

from __future__ import annotations

import resource


class FewFiles:
    """``with FewFiles(most):`` this process and what it starts hold at most so many; 0: as is."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def __enter__(self) -> None:
        soft, hard = self._before
        if self._most > 0 and not 0 <= soft <= self._most:
            # the hard limit stays, so that a service may raise its own again
            resource.setrlimit(resource.RLIMIT_NOFILE, (self._most, hard))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, self._before)
