"""Content that nothing refers to: uploads that were given up, images that were deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from heliostat.content import references
from heliostat.content.collection import Verdict, collect, decide
from heliostat.controller.chores.contract import chore
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.steps import ports_of
from heliostat.core.counting import counted
from heliostat.core.units import MIB
from heliostat.tasks.model import Done, StepContext


async def _condemned(ports: Ports) -> list[Verdict]:
    stored = await asyncio.to_thread(lambda: list(ports.blobs.stored()))
    referenced = await references.referenced(ports.store)
    verdicts = decide(stored, referenced, ports.settings.chores.keep_content_s)
    return [each for each in verdicts if each.delete]


async def find(ports: Ports) -> Sequence[str]:
    return [
        f"{each.blob.digest[:16]} ({each.blob.size_bytes / MIB:.0f} MiB): {each.reason}"
        for each in await _condemned(ports)
    ]


async def _work(ctx: StepContext) -> Done:
    ports = ports_of(ctx)
    collected = await collect(ctx.store, ports.blobs, grace_s=ports.settings.chores.keep_content_s)
    freed = collected.freed_bytes
    ctx.explain(
        "collection",
        f"Deleted: {counted(len(collected.deleted), 'file')} with {freed / MIB:.0f} MiB; "
        f"kept, in use or young: {collected.kept}.",
    )
    return Done(result={"deleted": len(collected.deleted), "freedBytes": freed})


CONTENT = chore(
    "content",
    "Delete stored content that nothing refers to.",
    "COLLECT_CONTENT",
    lambda ports: ports.settings.chores.content_s,
    find,
    _work,
)
