"""References to blobs: documents that are committed with the entities that hold them.

``/v1/blob-ref/<digest>/<owner kind>:<id>`` says that an entity needs a blob; it
comes and goes in the same commit as the entity, so there is no moment at which
an entity exists whose content may be collected.

``/v1/blob-condemned/<digest>`` exists while collection deletes a blob.  A commit
that adds a reference guards that key's absence, and condemning guards that no
reference exists: of the two only one can win, without a clock in the argument.
"""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.cloudstore.contract import (
    Absent,
    Change,
    CloudStore,
    Delete,
    Guard,
    PrefixEmpty,
    Put,
)

REFERENCES = "/v1/blob-ref/"
CONDEMNED = "/v1/blob-condemned/"
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Owner:
    """The entity that holds a reference, e.g. ``Owner("image", id)``."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Part:
    """What to add to a commit of the owner."""

    guards: tuple[Guard, ...]
    changes: tuple[Change, ...]


def reference_key(digest: str, owner: Owner) -> str:
    return f"{REFERENCES}{digest}/{owner.kind}:{owner.id}"


def condemned_key(digest: str) -> str:
    return f"{CONDEMNED}{digest}"


def add(digest: str, owner: Owner) -> Part:
    """Refer to a blob.

    Call ``Blobs.hold`` before the commit when the blob was not stored just now.
    """
    return Part(
        guards=(Absent(condemned_key(digest)),),
        changes=(Put(reference_key(digest, owner), b"{}"),),
    )


def remove(digest: str, owner: Owner) -> Part:
    """Stop referring to a blob."""
    return Part(guards=(), changes=(Delete(reference_key(digest, owner)),))


def condemn(digest: str) -> Part:
    """Forbid new references to a blob that has none."""
    return Part(
        guards=(PrefixEmpty(f"{REFERENCES}{digest}/"),),
        changes=(Put(condemned_key(digest), b"{}"),),
    )


def pardon(digest: str) -> Part:
    """Allow references again: the blob is gone, or was found to be in use."""
    return Part(guards=(), changes=(Delete(condemned_key(digest)),))


async def referenced(store: CloudStore) -> frozenset[str]:
    """Digests that somebody refers to, as of one revision."""
    return frozenset(key.split("/", 1)[0] for key in await _keys(store, REFERENCES))


async def condemned(store: CloudStore) -> frozenset[str]:
    """Digests whose deletion began and, after a crash, may not have ended."""
    return frozenset(await _keys(store, CONDEMNED))


async def owners(store: CloudStore, digest: str) -> tuple[Owner, ...]:
    """Who refers to a blob."""
    names = await _keys(store, f"{REFERENCES}{digest}/")
    return tuple(Owner(*name.split(":", 1)) for name in names)


async def _keys(store: CloudStore, prefix: str) -> list[str]:
    """Keys under ``prefix``, without it, in order."""
    page = await store.list(prefix, limit=_PAGE)
    keys = [document.key.removeprefix(prefix) for document in page.items]
    while page.after is not None:
        page = await store.list(prefix, limit=_PAGE, after=page.after, at_revision=page.revision)
        keys.extend(document.key.removeprefix(prefix) for document in page.items)
    return keys
