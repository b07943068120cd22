"""Variables in ``.repo`` files: ``$releasever``, ``$basearch`` and those of the vars folders."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# how a machine calls itself, and how yum's addresses call it
_BASE = {"i386": "i386", "i486": "i386", "i586": "i386", "i686": "i386", "amd64": "x86_64"}


class Variables:
    """Finds a variable's value when it is first asked for; a name without value stays."""

    def __init__(
        self,
        folders: Sequence[str],
        architecture: str,
        release: Callable[[], str],
        base: Callable[[], str],
    ) -> None:
        self._folders = folders
        self._architecture = architecture
        self._release = release
        self._base = base
        self._known: dict[str, str | None] = {}

    def expand(self, text: str) -> str:
        """``text`` with ``$name`` and ``${name}`` replaced."""
        if "$" not in text:
            return text
        parts = text.split("$")
        return parts[0] + "".join(self._replaced(part) for part in parts[1:])

    def _replaced(self, part: str) -> str:
        if part.startswith("{") and "}" in part:
            name, rest = part[1:].split("}", 1)
            written = "${" + name + "}"
        else:
            end = 0
            while end < len(part) and (part[end].isalnum() or part[end] == "_"):
                end += 1
            name, rest = part[:end], part[end:]
            written = "$" + name
        value = self.value(name) if name else None
        return (written if value is None else value) + rest

    def value(self, name: str) -> str | None:
        """The value of one variable, ``None`` if nobody gives one."""
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> str | None:
        for folder in self._folders:
            try:
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    return file.readline().strip()
            except OSError:
                continue
        if name == "releasever":
            return self._release()
        if name == "basearch":
            architecture = self._base() or self._architecture
            return _BASE.get(architecture, architecture)
        if name == "arch":
            return self._architecture
        return None
