"""The kinds of handlers: what a noun module registers for its operations.

A handler of each kind turns a :class:`Call` into an HTTP answer in one way, so a
noun's functions only decide, read or present.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from aiohttp import web
from msgspec import to_builtins

from heliostat.controller.api import admitting, uploads
from heliostat.controller.api.answers import as_json, encode
from heliostat.controller.api.call import Call
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.tasks.plan import AT_ONCE
from heliostat.wire.body import EntityRef
from heliostat.wire.plans import Plan, PlanEstimate


class Handler(Protocol):
    """Answers one operation."""

    async def answer(self, call: Call) -> web.StreamResponse:
        """The whole answer; raises ``HeliostatError``."""


@dataclass(frozen=True, slots=True)
class Reads:
    """Answers what ``read`` returns; nothing when that is ``None``."""

    read: Callable[[Call], Awaitable[Any]]

    async def answer(self, call: Call) -> web.StreamResponse:
        found = await self.read(call)
        if found is None:
            return web.Response(status=call.route.status)
        return as_json(found, call.route.status)


@dataclass(frozen=True, slots=True)
class Decides:
    """Plans or commits the admission that ``verb`` decides."""

    verb: Callable[[Call, Caller], Awaitable[Admission]]

    async def answer(self, call: Call) -> web.StreamResponse:
        digest = sha256(encode(call.body)).hexdigest()
        return await admitting.answer(call, lambda caller: self.verb(call, caller), digest)


@dataclass(frozen=True, slots=True)
class Receives:
    """Takes an upload, then plans or commits what ``verb`` decides about it.

    A plan reads nothing of the body: ``declared`` makes the upload it plans with.
    ``check`` raises what is known to be wrong before the body is read, so that nobody
    uploads gigabytes to learn it; a repeated request has its answer already.
    """

    verb: Callable[[Call, Caller, uploads.Upload], Awaitable[Admission]]
    form: uploads.Form = uploads.IMAGE
    check: Callable[[Call], Awaitable[object]] | None = None

    async def answer(self, call: Call) -> web.StreamResponse:
        if call.wants_plan:
            upload = uploads.declared(call.request, call.query.get("declaredSize"))
        else:
            if self.check is not None and not await admitting.is_repeated(call):
                await self.check(call)
            idle_s = call.services.settings.body_timeout_s
            upload = await uploads.receive(
                call.request, call.ports.blobs, idle_s=idle_s, form=self.form
            )
            await call.services.site.refuse_paused(call.route)
        asked = (upload.name, upload.replication, upload.blob.digest, sorted(call.query.items()))
        digest = sha256(encode(asked)).hexdigest()
        return await admitting.answer(call, lambda caller: self.verb(call, caller, upload), digest)


@dataclass(frozen=True, slots=True)
class Applies:
    """Carries out a change that has no task (directory, join token).

    ``change`` gets ``plan``: then it validates, changes nothing, and its result is
    not shown.  ``kind`` is what the plan is about.  ``again`` reads what a repeated
    ``Idempotency-Key`` is answered with; where it is ``None`` a repetition is
    carried out again.  ``told`` says in sentences what a planned change would do.
    """

    change: Callable[[Call, bool], Awaitable[Any]]
    kind: str
    again: Callable[[Call], Awaitable[Any]] | None = None
    told: Callable[[Any], Iterable[str]] | None = None

    async def answer(self, call: Call) -> web.StreamResponse:
        if call.wants_plan:
            return await self._plan(call)
        if self.again is None:
            made = await self.change(call, False)
        else:
            digest = sha256(encode(_without_password(call.body))).hexdigest()
            made = await admitting.once(call, self.change, self.again, digest)
        if made is None:
            return web.Response(status=204)
        return as_json(made, call.route.status)

    async def _plan(self, call: Call) -> web.StreamResponse:
        planned = await self.change(call, True)
        told = list(self.told(planned)) if self.told is not None else []
        entity = EntityRef(kind=self.kind, id=call.params.get("id", ""))
        plan = Plan(
            operation=call.route.operation,
            entity=entity,
            steps=[],
            quota=[],
            warnings=[],
            estimate=PlanEstimate(seconds=0.0, seldom_above_s=0.0, basis=AT_ONCE),
            changes=told,
        )
        return as_json(plan, 200)


def _without_password(body: Any) -> Any:
    """A digest of a password, kept for a day, could be guessed at leisure."""
    told = to_builtins(body)
    if isinstance(told, dict):
        told.pop("password", None)
    return told


async def nothing(_call: Call) -> None:
    """For changes that answer nothing, however often they are asked for."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Answers by itself (WebSockets, ready-made bodies)."""

    serve: Callable[[Call], Awaitable[web.StreamResponse]]

    async def answer(self, call: Call) -> web.StreamResponse:
        return await self.serve(call)
