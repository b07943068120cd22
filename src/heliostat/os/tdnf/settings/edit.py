"""Changes to ``.repo`` files and ``tdnf.conf`` that leave every other line as it was."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def with_values(text: str, section: str, values: Mapping[str, str]) -> str:
    """``text`` with these keys set in ``section``, which is made at the end if it isn't there."""
    lines = text.splitlines()
    waiting = dict(values)
    start, end = _extent(lines, section)
    if start < 0:
        lines += ([""] if lines and lines[-1].strip() else []) + [f"[{section}]"]
        start = end = len(lines)
    kept: list[str] = []
    for key, chunk in _chunks(lines[start:end]):
        kept += [_line(key, waiting.pop(key))] if key in waiting else chunk
    while kept and not kept[-1].strip():
        kept.pop()
    kept += [_line(key, value) for key, value in waiting.items()]
    rest = lines[end:]
    return _joined([*lines[:start], *kept, *([""] if rest else []), *rest])


def without_keys(text: str, section: str, keys: Sequence[str]) -> str:
    """``text`` without these keys of ``section``."""
    lines = text.splitlines()
    start, end = _extent(lines, section)
    kept = [line for key, chunk in _chunks(lines[start:end]) if key not in keys for line in chunk]
    return _joined([*lines[:start], *kept, *lines[end:]])


def without_section(text: str, section: str) -> str:
    """``text`` without ``section``, with the comment right above it."""
    lines = text.splitlines()
    start, end = _extent(lines, section)
    start -= 1
    while start > 0 and lines[start - 1].lstrip()[:1] in ("#", ";"):
        start -= 1
    return _joined([*lines[:start], *lines[end:]])


def _extent(lines: Sequence[str], section: str) -> tuple[int, int]:
    """Where a section's lines are: after its heading, up to the next one's; -1 if nowhere."""
    start = next((at for at, line in enumerate(lines, 1) if _heading(line) == section), -1)
    if start < 0:
        return -1, -1
    following = (at for at in range(start, len(lines)) if _heading(lines[at]) is not None)
    end = next(following, len(lines))
    # what stands right above the next heading is about that one
    while end < len(lines) and end > start and lines[end - 1].lstrip()[:1] in ("#", ";"):
        end -= 1
    return start, end


def _heading(line: str) -> str | None:
    bare = line.strip()
    return bare[1:].partition("]")[0].strip() if bare[:1] == "[" else None


def _chunks(lines: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Keys with all of their lines; comments and blank lines with the key ""."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        bare = line.strip()
        if not bare or bare[0] in "#;":
            found.append(("", [line]))
        elif line[0] in " \t" and found and found[-1][0]:
            found[-1][1].append(line)
        else:
            found.append((line.partition("=")[0].strip(), [line]))
    return found


def _line(key: str, value: str) -> str:
    first, *more = value.splitlines() or [""]
    return "\n".join([f"{key}={first}", *(f"  {each}" for each in more)])


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n" if lines else ""


def write_whole(path: str, text: str, mode: int = 0o644) -> None:
    """Replaces a file by ``text``, whole or not at all, with the mode that it had."""
    if os.path.exists(path):
        mode = os.stat(path).st_mode & 0o7777
    part = f"{path}.{os.getpid()}.part"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.rename(part, path)
    except OSError:
        if os.path.exists(part):
            os.unlink(part)
        raise
