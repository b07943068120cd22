"""What an operation is made of: what operators know, and what they ask for.

``Known`` is an operator's memory, not the truth: it holds what was made as far as
answers told, also things that are gone by now.  So some of what is asked for is
refused, as in life.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from heliostat.controller.model.image import StagedImage
from heliostat.controller.workflows.admission import Admission, Caller, Ports

UNKNOWN = "00000000-0000-4000-8000-000000000000"
GONE = "DELETED"
STRAY = 0.02
"""How often an id is asked for that never was."""

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: ``verb`` with its arguments.

    ``makes`` is the kind of thing that its success makes known, ``within`` what that
    belongs to.  ``leads_to`` is the state that an operator believes the entity ``about``
    to be in afterwards.
    """

    verb: Callable[..., Awaitable[Admission]]
    args: tuple[Any, ...]
    named: dict[str, Any]
    makes: str = ""
    about: str = ""
    leads_to: str = ""
    within: str = ""

    @property
    def text(self) -> str:
        """The request, in full: what tells two of them apart."""
        named = "".join(f" {key}={value!r}" for key, value in self.named.items())
        return f"{self.verb.__name__}({', '.join(map(repr, self.args))}{named})"

    @property
    def short(self) -> str:
        """The request, on a line."""
        ids = [each[:8] for each in self.args if isinstance(each, str)]
        return " ".join((self.verb.__name__, *ids))

    async def __call__(self, ports: Ports, caller: Caller) -> Admission:
        return await self.verb(ports, caller, *self.args, **self.named)


def ask(
    verb: Callable[..., Awaitable[Admission]],
    *args: Any,
    makes: str = "",
    about: str = "",
    leads_to: str = "",
    within: str = "",
    **named: Any,
) -> Ask:
    """``verb`` with its arguments after ports and caller."""
    return Ask(verb, args, named, makes, about, leads_to, within)


@dataclass(slots=True)
class Known:
    """Ids by kind, and what state an operator believes things to be in."""

    dice: random.Random
    ids: dict[str, list[str]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    names: int = 0

    def add(self, kind: str, id_: str, state: str = "", within: str = "") -> None:
        held = self.ids.setdefault(kind, [])
        if id_ not in self.states:
            held.append(id_)
        self.states[id_] = state
        self.parents[id_] = within

    def named_in(self, sentence: str) -> list[tuple[str, str]]:
        """Kind and id of what a sentence names."""
        named = set(_ID.findall(sentence))
        return [(kind, id_) for kind, ids in self.ids.items() for id_ in ids if id_ in named]

    def recent(self, kind: str, count: int) -> str:
        """One of the latest of the kind."""
        held = self.ids.get(kind)
        return self.dice.choice(held[-count:]) if held else UNKNOWN

    def forget(self, kind: str, id_: str) -> None:
        held = self.ids.get(kind, [])
        if id_ in held:
            held.remove(id_)

    def count(self, kind: str) -> int:
        return len(self.ids.get(kind, ()))

    def any(self, kind: str) -> str:
        """Some id of the kind; now and then one that never was."""
        held = self.ids.get(kind)
        if not held or self.dice.random() < STRAY:
            return UNKNOWN
        return self.dice.choice(held)

    def in_state(self, kind: str, *states: str) -> str:
        """Some id believed to be in one of ``states``; most of the time, if there is one."""
        held = [each for each in self.ids.get(kind, ()) if self.states[each] in states]
        if not held or self.dice.random() < 4 * STRAY:
            return self.any(kind)
        return self.dice.choice(held)

    def starting_with(self, kind: str, state: str) -> str:
        """Some id believed to be in a state that begins so; any if there is none."""
        held = [each for each in self.ids.get(kind, ()) if self.states[each].startswith(state)]
        return self.dice.choice(held) if held else self.any(kind)

    def name(self, prefix: str) -> str:
        """A new name; now and then one that may be taken."""
        if self.names and self.dice.random() < STRAY:
            return f"{prefix}-{self.dice.randint(1, self.names)}"
        self.names += 1
        return f"{prefix}-{self.names}"


def staged(upload: str) -> StagedImage:
    """An upload whose content is its own name."""
    content = upload.encode()
    return StagedImage(digest=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


Make = Callable[[Known], Ask]


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of request: how often compared with others, and how it is made up."""

    name: str
    weight: float
    make: Make
