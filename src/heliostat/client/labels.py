"""Labels of any noun that has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from heliostat.client.calls import Change
from heliostat.client.transport import Transport
from heliostat.wire.labels import LABELLED, LabelsChange
from heliostat.wire.tasks import Task

_OPERATIONS = {each.kind: each.operation for each in LABELLED}


class Labels:
    """Set and remove labels; ``kind`` is tenant, project, flavor, image, vm, disk or host."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def change(
        self, kind: str, entity_id: str, set_: Mapping[str, str], remove: Iterable[str] = ()
    ) -> Change[Task]:
        body = LabelsChange(set=dict(set_), remove=[*remove])
        return Change(self._transport, _OPERATIONS[kind], (entity_id,), Task, body)
