"""What ``debugfs`` is asked of an ext4 file system, and how its answers read.

It is told a request a line, and hands a line with ``!`` in front to a shell.  So a name
that could break a line is never asked about; nor is it passed over, since what it hides
would go unseen: the whole file system is refused.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.process import Output, run
from heliostat.os.carrier.refusal import DEEPEST, not_a_system, room_in
from heliostat.os.kind import Kinded

_TIMEOUT_S = 600.0
_BREAKING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd\ud800-\udfff]")  # lines, or no text
_LONGEST_PATH = 8000  # debugfs breaks a longer line (BUFSIZ) in two
_MOST_ENTRIES = 2_000_000
_ENTRY = re.compile(r"/(\d+)/(\d{6})/\d+/\d+/([^/]*)/(\d*)/")
_REQUEST = "debugfs: "


@dataclass(frozen=True, slots=True)
class Listed(Kinded):
    """One name in the file system; ``path`` is absolute."""

    path: str
    inode: int
    mode: int
    size_bytes: int

    @property
    def is_program(self) -> bool:
        return self.is_regular and bool(self.mode & 0o111)


@dataclass(frozen=True, slots=True)
class Debugfs:
    """The ext4 file system that begins at ``start`` of ``raw``; faults name ``subject``."""

    subject: Path
    raw: Path
    start: int
    work: Path

    def ask(self, *requests: str) -> Output:
        """What is answered to the requests, each after the request itself."""
        device = f"{self.raw}?offset={self.start}"
        # No file that it writes is larger than what there is room for.
        bounded = ["prlimit", f"--fsize={room_in(self.work)}", "debugfs"]
        with tempfile.NamedTemporaryFile("w", dir=self.work, suffix=".requests") as script:
            script.write("".join(f"{request}\n" for request in requests))
            script.flush()
            return run([*bounded, "-f", script.name, device], timeout_s=_TIMEOUT_S)

    def walk(self) -> Iterator[Listed]:
        """Everything in it, a level of folders after the other.

        ``NotASystem`` for what no sound file system has: a name twice in one folder, a name
        with a slash, a folder that is in two places or in itself.  Copied out, each of them
        could lead out of the folder that it is copied into.
        """
        level, folders, count = [""], set[int](), 0
        for _ in range(DEEPEST):
            below: list[str] = []
            for listed in self._listed(level):
                count += 1
                if count > _MOST_ENTRIES:
                    raise not_a_system(self.subject, f"it has more than {_MOST_ENTRIES:,} names")
                if listed.is_folder:
                    if listed.inode in folders:
                        raise self._damaged(f"the folder {listed.path!r:.200} is there twice")
                    folders.add(listed.inode)
                    below.append(listed.path)
                yield listed
            if not below:
                return
            level = below
        raise self._damaged(f"its folders are more than {DEEPEST} deep")

    def quoted(self, path: str) -> str:
        """As it stands between quotation marks in a request; ``NotASystem`` if it can't."""
        name = path.replace('"', '""')
        if _BREAKING.search(name) or len(name.encode()) > _LONGEST_PATH:
            raise not_a_system(self.subject, f"debugfs can't be asked about its file {path!r:.200}")
        return name

    def _listed(self, folders: Iterable[str]) -> Iterator[Listed]:
        """What is directly in these folders, in their order."""
        asked = {f'ls -p "{self.quoted(folder)}/"': folder for folder in folders}
        answers = self.ask(*asked)
        self._refuse_complaints(answers.stderr)
        folder, names = "", set[str]()
        waiting = list(reversed(asked.items()))
        for line in answers.stdout.split("\n"):
            if waiting and line == _REQUEST + waiting[-1][0]:
                folder, names = waiting.pop()[1], set()
            elif (entry := _ENTRY.fullmatch(line)) is not None:
                inode, mode, name, size = entry.groups()
                if not int(inode):
                    continue  # an entry that is free
                if not name or name in names:
                    raise self._damaged(f"{folder}/{name!r:.200} is there twice")
                names.add(name)
                if name not in (".", ".."):
                    path = f"{folder}/{name}"
                    self.quoted(path)
                    yield Listed(path, int(inode), int(mode, 8), int(size or 0))
            elif line.strip():
                why = f"a name in {folder or '/'} is no line of text ({line!r:.200})"
                raise not_a_system(self.subject, why)
        if waiting:
            raise self._damaged(f"debugfs can't list {waiting[-1][1] or '/'}")

    def _refuse_complaints(self, said: str) -> None:
        """Of a folder that it can't read it lists nothing, and goes on."""
        complaints = [line for line in said.splitlines() if line.strip()]
        for line in complaints[1:]:  # the first is its version
            raise self._damaged(line[:300])

    def _damaged(self, why: str) -> Exception:
        return not_a_system(self.subject, f"its file system is damaged: {why}")
