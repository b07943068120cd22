"""Copies of images that are missing: given up by their host, lost, or never asked for.

Asking for what is next happens as things change (:mod:`workflows.replicator`); this
looks after what doesn't change by itself: a datastore that was full has room again, a
file was removed by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from heliostat.controller.chores.contract import chore
from heliostat.controller.model.replication import Asked, moves
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.replicas import Layout, align, ask_again, read_layout
from heliostat.controller.workflows.steps import ports_of
from heliostat.tasks.model import Done, StepContext


def _to_ask_again(layout: Layout) -> Iterator[tuple[Asked, str]]:
    """Copies whose host can try again, and why it should."""
    spots = {(spot.host_id, spot.datastore_id): spot for spot in layout.spots}
    for asked in layout.asked:
        spot = spots.get((asked.host_id, asked.copy.datastore_id))
        if spot is None or not spot.active or not asked.settled:
            continue
        if asked.failed:
            report = layout.reports[asked.host_id, asked.copy]
            yield asked, report.fault.message if report.fault is not None else ""
        elif asked.copy.digest not in spot.held:
            yield asked, "It was there and is no more."


def _sentence(asked: Asked, why: str) -> str:
    copy = asked.copy
    return f"Image {copy.digest[:12]} is not in the datastore {copy.datastore_id}: {why}"


async def find(ports: Ports) -> Sequence[str]:
    layout = await read_layout(ports.store)
    limit = ports.settings.image_copies_at_once
    next_moves = moves(layout.wanted, layout.spots, layout.asked, limit)
    return [
        *(_sentence(asked, why) for asked, why in _to_ask_again(layout)),
        *(
            f"Image {copy.digest[:12]} was not asked for in the datastore {copy.datastore_id}."
            for _, copy in next_moves.ask
        ),
        *(
            f"Image {each.copy.digest[:12]} is asked for in the datastore "
            f"{each.copy.datastore_id} and should not be."
            for each in next_moves.withdraw
        ),
    ]


async def _work(ctx: StepContext) -> Done:
    layout = await read_layout(ctx.store)
    again = 0
    for asked, why in _to_ask_again(layout):
        ctx.explain("copy", _sentence(asked, why))
        again += await ask_again(ctx.commit, layout.documents[asked.host_id, asked.copy])
    decided = await align(ctx.store, ctx.commit, ports_of(ctx).settings.image_copies_at_once)
    return Done(
        result={
            "askedAgain": again,
            "asked": len(decided.ask),
            "withdrawn": len(decided.withdraw),
        }
    )


IMAGE_COPIES = chore(
    "image-copies",
    "Have hosts try again what is missing of the images in their datastores.",
    "HEAL_IMAGE_COPIES",
    lambda ports: ports.settings.chores.image_copies_s,
    find,
    _work,
)
