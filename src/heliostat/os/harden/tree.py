"""A root tree as the audit sees it: read once, never followed out of.

Links are resolved as inside a chroot: ``/etc/localtime -> /usr/share/…`` stays in the
tree, and no link leads to a file of the machine that audits.  ``/etc`` of a tree that
keeps its own in ``/usr/etc`` is found there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.compressed import told
from heliostat.os.harden import capabilities, packages
from heliostat.os.harden.patterns import VOLATILE, matches
from heliostat.os.kind import Kinded

_LONGEST_TEXT = 64 << 20  # a bundle of certificates has a quarter of one
_MAX_LINKS = 40  # as the kernel's
_CONFIG_FOLDERS = ("/etc", "/run", "/usr/local/lib", "/usr/lib")  # later ones yield to earlier


@dataclass(frozen=True, slots=True)
class Entry(Kinded):
    """One name in the tree; a link is not followed."""

    path: str
    mode: int
    uid: int
    gid: int
    size_bytes: int


class Tree:
    """The tree in the folder ``root``.

    ``capabilities`` are given where the folder could not carry them (a copy of a disk's
    content made without extended attributes); otherwise they are read from the files.
    """

    def __init__(self, root: Path, capabilities: Mapping[str, str] | None = None) -> None:
        self.root = root.resolve()
        self._given_capabilities = capabilities

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Everything but what lives only while the system runs, by path, sorted."""
        return {entry.path: entry for entry in self._walk("")}

    @cached_property
    def capabilities(self) -> dict[str, str]:
        """File capabilities by path, as ``getcap`` writes them."""
        if self._given_capabilities is not None:
            return dict(self._given_capabilities)
        files = (entry.path for entry in self.entries.values() if entry.is_regular)
        found = ((path, capabilities.of_file(f"{self.root}{path}")) for path in files)
        return {path: told for path, told in found if told}

    @cached_property
    def owned(self) -> frozenset[str] | None:
        """Paths that packages brought; ``None`` without a package database."""
        paths = packages.owned_paths(self.root)
        return None if paths is None else frozenset(self._canonical(path) for path in paths)

    @cached_property
    def built_here(self) -> frozenset[str]:
        """Paths of what we compiled ourselves, as the findings tell them."""
        return frozenset(self._canonical(path) for path in packages.paths_built_here(self.root))

    def exists(self, path: str) -> bool:
        return self.resolve(path) is not None

    def text(self, path: str) -> str | None:
        """Content of a file, its links followed inside the tree; ``None`` if there is none.

        ``NotASystem`` if it is far too long for settings: cut off, it would hide some.
        """
        real = self.resolve(path)
        if real is None or not os.path.isfile(real):
            return None
        if os.path.getsize(real) > _LONGEST_TEXT:
            raise HeliostatError(
                "NotASystem",
                f"{self.root} can't be judged: {path} has more than {told(_LONGEST_TEXT)}.",
            )
        return Path(real).read_text(encoding="utf-8", errors="replace")

    def entry(self, path: str) -> Entry | None:
        """What ``path`` is in the end, links followed."""
        real = self.resolve(path)
        return None if real is None else self._entry(real[len(str(self.root)) :])

    def matching(self, *patterns: str) -> list[Entry]:
        """Entries whose path one of the patterns describes."""
        literal = [pattern for pattern in patterns if "*" not in pattern and "?" not in pattern]
        found = [self.entries[path] for path in literal if path in self.entries]
        wild = [pattern for pattern in patterns if pattern not in literal]
        if wild:
            entries = self.entries.values()
            found += [each for each in entries if any(matches(each.path, p) for p in wild)]
        return found

    def config_files(self, folder: str, suffix: str = ".conf") -> list[str]:
        """``<folder>/*<suffix>`` as systemd merges them: by file name, ``/etc`` before vendor's.

        ``folder`` is relative, e.g. ``sysctl.d``.  A link to ``/dev/null`` hides a name.
        """
        chosen: dict[str, str] = {}
        for base in _CONFIG_FOLDERS:
            for path in self.files_in(f"{base}/{folder}", suffix):
                chosen.setdefault(path.rpartition("/")[2], path)
        return [path for name, path in sorted(chosen.items()) if not self.is_masked(path)]

    def files_in(self, folder: str, suffix: str = "") -> list[str]:
        """Names in ``folder`` with that suffix, as paths, sorted."""
        real = self.resolve(folder)
        if real is None or not os.path.isdir(real):
            return []
        return [f"{folder}/{name}" for name in sorted(os.listdir(real)) if name.endswith(suffix)]

    def is_masked(self, path: str) -> bool:
        """Whether it is a link to ``/dev/null``, or empty."""
        real = self.itself(path)
        if real is None:
            return False
        if os.path.islink(real):
            return os.readlink(real) == "/dev/null"
        return os.path.isfile(real) and os.path.getsize(real) == 0

    def itself(self, path: str) -> str | None:
        """As :meth:`resolve`, but a link at the end of ``path`` stays a link."""
        folder, _, name = path.rpartition("/")
        real = self.resolve(folder) if folder else str(self.root)
        return f"{real}/{name}" if real is not None and os.path.lexists(f"{real}/{name}") else None

    def resolve(self, path: str) -> str | None:
        """The file outside of the tree that ``path`` means, or ``None`` if nothing is there."""
        steps, at, links = path.strip("/").split("/"), "", 0
        if steps[0] == "etc" and not os.path.lexists(f"{self.root}/etc"):
            steps.insert(0, "usr")
        while steps:
            step = steps.pop(0)
            if step in ("", "."):
                continue
            if step == "..":
                at = at.rpartition("/")[0]
                continue
            real = f"{self.root}{at}/{step}"
            if not os.path.islink(real):
                at = f"{at}/{step}"
                continue
            links += 1
            if links > _MAX_LINKS:
                return None
            target = os.readlink(real)
            at = "" if target.startswith("/") else at
            steps = [*target.strip("/").split("/"), *steps]
        return f"{self.root}{at}" if os.path.lexists(f"{self.root}{at}") else None

    def _canonical(self, path: str) -> str:
        """The path with the links of its folder followed: ``/lib/x`` is ``/usr/lib/x``."""
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            real = self.resolve(folder) if folder else str(self.root)
            self._folders[folder] = folder if real is None else real[len(str(self.root)) :]
        return f"{self._folders[folder]}/{name}"

    @cached_property
    def _folders(self) -> dict[str, str]:
        return {}

    def _walk(self, folder: str) -> Iterator[Entry]:
        try:
            names = sorted(os.scandir(f"{self.root}{folder}"), key=lambda each: each.name)
        except FileNotFoundError:
            return
        for found in names:
            path = f"{folder}/{found.name}"
            try:
                entry = self._entry(path)
            except FileNotFoundError:  # the tree of a running system: it went meanwhile
                continue
            yield entry
            if entry.is_folder and path not in VOLATILE:
                yield from self._walk(path)

    def _entry(self, path: str) -> Entry:
        status = os.lstat(f"{self.root}{path}")
        return Entry(path, status.st_mode, status.st_uid, status.st_gid, status.st_size)
