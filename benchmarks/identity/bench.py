"""Identity: what its parts cost, beside engines that do the same.

    python -m benchmarks.identity.bench [memory] [ldap_search] …

Every part is a module of this folder with a ``measure()`` that records its rows; one that
fails does not keep the others from being measured.
"""

from __future__ import annotations

import sys
import traceback
from importlib import import_module

PARTS = ("memory", "ldap_search", "replication", "tokens", "verify", "certificates")
"""Modules of this folder, in the order in which they are measured."""


def main(asked: list[str]) -> int:
    if unknown := sorted(set(asked) - set(PARTS)):
        print(f"There is no part {unknown[0]}; there are {', '.join(PARTS)}.")
        return 2
    return max([_run(part) for part in asked or PARTS])


def _run(part: str) -> int:
    try:
        import_module(f"benchmarks.identity.{part}").measure()
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
