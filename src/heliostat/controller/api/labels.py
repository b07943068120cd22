"""Labels: changing them, and selecting what a list shows by them."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from heliostat.cloudstore.documents import Kind
from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import Read
from heliostat.controller.api.handler import Decides, Handler
from heliostat.controller.api.listing import Keep, of_index
from heliostat.controller.model.names import invalid
from heliostat.controller.model.selector import Selector, parse_selector
from heliostat.controller.workflows import kinds
from heliostat.controller.workflows import labels as verbs
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.wire.labels import LABELLED, LabelsChange

T = TypeVar("T", bound=msgspec.Struct)

_KINDS = {"disk": kinds.DISK}
"""Where routes and tasks name a kind differently."""


def selector_of(call: Call) -> Selector:
    """What the call selects; everything if it doesn't say."""
    return parse_selector(call.query.get("selector", ""))


def of_project(call: Call, kind: Kind[T], keep: Keep[T]) -> Read[T]:
    """What a project has of ``kind`` that is selected and that ``keep`` lets through.

    Where the selector asks for an exact value, its index is read instead of everything.
    """
    selector = selector_of(call)

    def selected(item: T) -> bool:
        labels: dict[str, str] = getattr(item, "labels", {})
        return selector.selects(labels) and keep(item)

    if (exact := selector.exact) is not None:
        value = kinds.label_in_project(call.id, *exact)
        return of_index(call.store, kind, "label", value, selected)
    return of_index(call.store, kind, "project", call.id, selected)


def read_labels(text: str | None, field: str) -> dict[str, str]:
    """Labels written as ``key=value,key=value``, for what has no JSON body."""
    labels: dict[str, str] = {}
    for part in (text or "").split(","):
        key, equals, value = part.strip().partition("=")
        if not part.strip():
            continue
        if not equals or key in labels:
            raise invalid(field, f"{part!r} is not KEY=VALUE, or its key is given twice")
        labels[key] = value
    return labels


def _change(kind: str) -> Decides:
    async def decide(call: Call, caller: Caller) -> Admission:
        body: LabelsChange = call.body
        return await verbs.labels_change(
            call.ports, caller, kind, call.id, body.set or {}, body.remove or ()
        )

    return Decides(decide)


HANDLERS: dict[str, Handler] = {
    each.operation: _change(_KINDS.get(each.kind, each.kind)) for each in LABELLED
}
