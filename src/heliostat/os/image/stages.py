"""Stages of a build: what each is made from, and why it is made again.

A stage's identity is the hash of its name, its inputs and the code that decides
what comes out; so equal identity means equal outcome, and nothing else has to be
compared.  Inputs are text: values themselves, or digests of what they stand for.
Everything here is pure; :mod:`heliostat.os.image.store` keeps what stages make.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

Make = Callable[[Path], None]
"""Fills an empty folder with what the stage makes."""

_SHOWN_CHANGES = 8


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a build: ``make`` fills a folder from nothing but ``inputs`` and ``code``."""

    name: str
    """Unique in a build and the same in every build, e.g. ``minimal/disk``."""
    title: str
    """What a person reads while it runs: "Writing the disk"."""
    inputs: Mapping[str, str]
    make: Make
    code: tuple[ModuleType, ...] = ()
    """Modules that decide what ``make`` writes; a package stands for all of its modules."""
    tells: bool = False
    """Whether ``make`` tells its own steps, since steps don't nest."""
    hashed: bool = False
    """Whether the files that it makes are results whose SHA-256 is asked for."""

    def all_inputs(self) -> dict[str, str]:
        """Inputs, the code among them: what the identity is the hash of."""
        code = {f"code of {module.__name__}": code_digest(module) for module in self.code}
        return {**self.inputs, **code}


@dataclass(frozen=True, slots=True)
class Change:
    """An input that differs from the last run; ``None`` where there was or is none."""

    name: str
    before: str | None
    now: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.name} is new: {shortened(self.now)}"
        if self.now is None:
            return f"{self.name} is gone (was {shortened(self.before)})"
        return f"{self.name}: {shortened(self.before)} -> {shortened(self.now)}"


def identity_of(name: str, inputs: Mapping[str, str]) -> str:
    """SHA-256 that stands for what a stage of that name makes from ``inputs``."""
    return hashlib.sha256(json.dumps([name, sorted(inputs.items())]).encode()).hexdigest()


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[Change, ...]:
    """What differs between two sets of inputs, by name."""
    names = sorted(before.keys() | now.keys())
    return tuple(
        Change(name, before.get(name), now.get(name))
        for name in names
        if before.get(name) != now.get(name)
    )


def reason(
    before: Mapping[str, str] | None, now: Mapping[str, str], *, there: bool, forced: bool
) -> str:
    """Why a stage is made, or why not: a clause to follow "made:" or "reused:".

    ``before`` are the inputs of the last run, ``there`` tells if the outcome is kept.
    """
    differing = changes(before, now) if before is not None else ()
    if there and not forced:
        return _listed("kept from an earlier run", differing) if differing else "nothing changed"
    if forced:
        return "asked for (--force)"
    if before is None:
        return "this was never made here"
    if not differing:
        return "nothing changed, but what was made is gone"
    return _listed("", differing)


def code_digest(module: ModuleType) -> str:
    """SHA-256 over the source of a module, or of all modules in a package."""
    assert module.__file__ is not None
    path = Path(module.__file__)
    sources = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    return digest_of((str(each.relative_to(path.parent)), each.read_bytes()) for each in sources)


def digest_of(parts: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 over names and contents, in the order given."""
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def shortened(value: str | None) -> str:
    """A value to be read: digests by their first characters."""
    text = value or "nothing"
    words = (word[:12] if len(word) == 64 and _is_hex(word) else word for word in text.split(" "))
    return " ".join(words)


def _is_hex(word: str) -> bool:
    return all(letter in "0123456789abcdef" for letter in word)


def _listed(opening: str, differing: tuple[Change, ...]) -> str:
    told = [str(change) for change in differing[:_SHOWN_CHANGES]]
    if len(differing) > _SHOWN_CHANGES:
        told.append(f"{len(differing) - _SHOWN_CHANGES} more")
    changed = "; ".join(told)
    return f"{opening} ({changed})" if opening else changed
