"""Images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.client.uploads import Upload
from heliostat.wire.images import Image, ImageCopyList, ImageList
from heliostat.wire.tasks import Task, TaskList


class Images:
    """Boot disks, uploaded once."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload(
        self,
        path: Path,
        *,
        name: str,
        replication: str = "ON_DEMAND",
        project_id: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Upload:
        """Describe an upload; ``dataclasses.replace`` sets its ``progress``."""
        operation = "uploadProjectImage" if project_id else "uploadImage"
        arguments = (project_id,) if project_id else ()
        given = dict(labels or {})
        return Upload(self._transport, path, name, operation, arguments, replication, given)

    def list(self, *, name: str = "", project_id: str = "", selector: str = "") -> Iterator[Image]:
        """Images the caller may use, or those of one project only."""
        operation = "listProjectImages" if project_id else "listImages"
        arguments = (project_id,) if project_id else ()
        query = {"name": name, "selector": selector}
        return pages(self._transport, operation, *arguments, answer=ImageList, query=query)

    def get(self, image_id: str) -> Image:
        return read(self._transport, "getImage", image_id, answer=Image)

    def delete(self, image_id: str) -> Change[Task]:
        return Change(self._transport, "deleteImage", (image_id,), Task)

    def copies(self, image_id: str) -> ImageCopyList:
        """The datastores that hold the image or shall hold it."""
        return read(self._transport, "listImageCopies", image_id, answer=ImageCopyList)

    def tasks(self, image_id: str, *, state: str = "") -> Iterator[Task]:
        query = {"state": state}
        return pages(self._transport, "listImageTasks", image_id, answer=TaskList, query=query)
