"""Modules that are imported when they are first used.

For the command line: ``helio vm --help`` needs no HTTP library, and loading one takes
longer than all the rest.  Write::

    if TYPE_CHECKING:
        import httpx
    else:
        httpx = deferred("httpx")
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """Stands for a module; its first attribute imports it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def deferred(name: str) -> ModuleType:
    """The module ``name``, not imported yet."""
    return _Deferred(name)
