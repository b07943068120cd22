"""The document store's contract: what every backend promises.

* Every commit gets one global, monotonic revision; a commit is all or nothing.
* Acknowledged means durable: it survives ``kill -9`` of the process.
* A watch delivers every event after its start revision, once, in order.
* Guards make compare-and-set possible: a commit whose guard does not hold
  changes nothing and raises :class:`GuardFailed`.
* After an unclear answer (``StoreUnavailable``) a writer reads before it retries.

Keys are ``/``-separated text, e.g. ``/v1/vm/<id>``; indexes live under ``/idx``,
leases under ``/lease``.  The shape follows what etcd can do, so that etcd can
be a backend.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from heliostat.core.errors import HeliostatError, TemporaryError

MAX_CHANGES = 100
MAX_COMMIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Document:
    """A value as it stood at ``revision`` (``created`` is the revision of its first put).

    A store may give the same document to many readers; ``meaning`` is what the first of
    them decoded it to, so that the others need not.
    """

    key: str
    value: bytes
    created: int
    revision: int
    meaning: object = field(default=None, init=False, compare=False, repr=False)

    def remember(self, meaning: object) -> None:
        """Keep what it means; never anything that somebody might change."""
        object.__setattr__(self, "meaning", meaning)


@dataclass(frozen=True, slots=True)
class Put:
    """Write ``value`` at ``key``."""

    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove ``key``; removing what is not there is no error and no event."""

    key: str


Change = Put | Delete


@dataclass(frozen=True, slots=True)
class AtRevision:
    """Holds while ``key`` was last written at ``revision``."""

    key: str
    revision: int


@dataclass(frozen=True, slots=True)
class Absent:
    """Holds while ``key`` does not exist."""

    key: str


@dataclass(frozen=True, slots=True)
class PrefixUnchanged:
    """Holds while nothing under ``prefix`` was put or deleted after revision ``since``.

    Fails when ``since`` was compacted, because deletions since then are forgotten.
    """

    prefix: str
    since: int


@dataclass(frozen=True, slots=True)
class PrefixEmpty:
    """Holds while no key starts with ``prefix``."""

    prefix: str


@dataclass(frozen=True, slots=True)
class ValueIs:
    """Holds while ``key`` exists and has exactly this value, whenever it was written.

    For who knows what an earlier commit, still under way, will have written.
    """

    key: str
    value: bytes


Guard = AtRevision | Absent | PrefixUnchanged | PrefixEmpty | ValueIs


@dataclass(frozen=True, slots=True)
class Page:
    """Documents in key order, read at one revision.

    ``after`` is the key to pass to continue, ``None`` on the last page.
    """

    items: tuple[Document, ...]
    after: str | None
    revision: int


@dataclass(frozen=True, slots=True)
class Event:
    """A key changed; ``value`` is ``None`` when it was deleted.

    The events of one commit share its revision and keep the order of its changes.
    """

    key: str
    value: bytes | None
    revision: int


@dataclass(frozen=True, slots=True)
class Version:
    """One entry of a key's history; ``value`` is ``None`` for a deletion."""

    value: bytes | None
    revision: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lease: the key ``/lease/<name>`` exists while it is renewed.

    ``fence`` is the revision at which it was taken: ``guard()`` in a commit makes
    the commit fail once the lease was lost, however late the holder notices.
    """

    name: str
    owner: str
    ttl_s: float
    fence: int

    @property
    def key(self) -> str:
        return lease_key(self.name)

    def guard(self) -> AtRevision:
        return AtRevision(self.key, self.fence)


def lease_key(name: str) -> str:
    """The key that exists while lease ``name`` is held."""
    return f"/lease/{name}"


class GuardFailed(HeliostatError):
    """A commit changed nothing because ``guard`` did not hold."""

    def __init__(self, guard: Guard) -> None:
        super().__init__("GuardFailed", f"Somebody else changed the data first: {guard}.")
        self.guard = guard


class Compacted(HeliostatError):
    """The revision asked for is older than ``oldest``, the oldest one kept."""

    def __init__(self, revision: int, oldest: int) -> None:
        super().__init__(
            "Compacted", f"Revision {revision} was compacted; the oldest kept is {oldest}."
        )
        self.oldest = oldest


class FutureRevision(HeliostatError):
    """The revision asked for was never written here (a token from before a restore)."""

    def __init__(self, revision: int, latest: int) -> None:
        super().__init__(
            "PageExpired", f"Revision {revision} does not exist; the latest is {latest}."
        )
        self.latest = latest


class StoreUnavailable(TemporaryError):
    """The store did not say whether the commit happened: read before retrying."""

    def __init__(self, message: str, *, code: str = "StoreUnavailable") -> None:
        super().__init__(code, message)


class CloudStore(Protocol):
    """What every backend does; see the module for the promises."""

    async def get(self, key: str, *, at_revision: int | None = None) -> Document | None:
        """The document at ``key``, now or as of a revision.

        Raises ``Compacted`` for a revision before the one compacted to (that one
        itself stays readable), ``FutureRevision`` for one after the latest.
        """

    async def list(
        self,
        prefix: str,
        *,
        limit: int = 1000,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> Page:
        """Up to ``limit`` documents whose keys start with ``prefix`` and sort after ``after``.

        Pages read with the first page's ``revision`` as ``at_revision`` are one
        consistent snapshot however much is written meanwhile (raises ``Compacted``,
        ``FutureRevision``).
        """

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        """Apply all ``changes`` if every guard holds; returns the new revision.

        Raises ``GuardFailed``; ``HeliostatError("RequestTooLarge")`` above
        ``MAX_CHANGES`` changes or ``MAX_COMMIT_BYTES`` of keys and values;
        ``StoreUnavailable`` when the outcome is unknown or the disk refuses.
        A commit that changes nothing (no changes, or only deletions of absent keys)
        checks its guards and returns the current revision.  Changing a key twice in one
        commit, or a key under ``/lease/``, is a defect (``ValueError``).
        """

    def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Event]:
        """Events under ``prefix`` with a revision greater than ``from_revision``.

        Never ends by itself; raises ``Compacted`` when the start, or a reader
        that fell too far behind, is older than what is kept: list, then watch again.
        Raises ``FutureRevision`` when the start is after the latest revision.
        """

    async def history(self, key: str) -> Sequence[Version]:
        """Every version of ``key`` still kept, oldest first."""

    async def revision(self) -> int:
        """The revision of the latest commit (0 for an empty store)."""

    def mark(self, folder: str) -> int | None:
        """A number that stays while nothing whose key is ``folder`` and an id has changed.

        For remembering what was worked out of a folder (``/v1/group/system/``): whoever gets the
        same number before reading it and later knows that it still is so.  ``None``: don't
        remember; it is being written, or others may write it unseen.
        """

    async def compact(self, revision: int) -> None:
        """Forget versions and events that only readers before ``revision`` need.

        Kept are what is readable at ``revision`` and everything after it; a revision
        beyond the latest compacts to the latest, an older one than last time does nothing.
        """

    async def acquire(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        """Take lease ``name`` unless another owner holds it (then ``None``).

        Taking writes ``/lease/<name>`` (an event); expiry deletes it (an event).
        Its owner may take it again: the earlier ``Lease`` is lost then.
        """

    async def renew(self, lease: Lease) -> None:
        """Start the time to live anew; not a commit. Raises ``LeaseLost`` if it is gone."""

    async def release(self, lease: Lease) -> None:
        """Give the lease back at once; releasing a lost lease does nothing."""

    async def close(self) -> None:
        """Finish writes under way and free resources; open watches end."""


class LeaseLost(HeliostatError):
    """The lease expired or was taken by another owner."""

    def __init__(self, lease: Lease) -> None:
        super().__init__("LeaseLost", f"{lease.owner} no longer holds the lease {lease.name}.")
        self.lease = lease
