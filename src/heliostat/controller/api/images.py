"""Images: uploads, and who may see which."""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.api.access import groups_of, may, seen_in_project
from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.datastores import show_copy
from heliostat.controller.api.handler import Decides, Handler, Reads, Receives
from heliostat.controller.api.labels import read_labels, selector_of
from heliostat.controller.api.listing import of_any_index, of_index, of_kind
from heliostat.controller.api.reach import reach_of
from heliostat.controller.api.tasks import list_tasks
from heliostat.controller.api.uploads import Upload
from heliostat.controller.model.image import (
    INFRASTRUCTURE,
    PROJECT,
    Image,
    ImageScope,
    StagedImage,
)
from heliostat.controller.model.replication import Progress, Spot, replication, seeding
from heliostat.controller.workflows import image as verbs
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.controller.workflows.image_datastores import image_datastore_ids
from heliostat.controller.workflows.replicas import read_layout, read_spots
from heliostat.core.errors import PermanentError
from heliostat.tasks.indexes import entity_prefix
from heliostat.wire import images as wire
from heliostat.wire.access import Access
from heliostat.wire.tasks import TaskList


@dataclass(frozen=True, slots=True)
class ImagePlaces:
    """Where images can lie and do: read once for all images of an answer."""

    spots: tuple[Spot, ...]
    image_datastores: frozenset[str]

    def seeding(self, image: Image) -> str:
        """How many of the image datastores hold the image, as clients read it."""
        return self._shown(image, seeding(image, self.spots, self.image_datastores))

    def replication(self, image: Image) -> str:
        """How many of all datastores do."""
        return self._shown(image, replication(image, self.spots))

    @staticmethod
    def _shown(image: Image, progress: Progress) -> str:
        return f"{progress.percent if image.digest else 0}%"


async def image_places(store: CloudStore) -> ImagePlaces:
    return ImagePlaces(await read_spots(store), await image_datastore_ids(store))


def show_image(call: Call, image: Image, places: ImagePlaces) -> wire.Image:
    """An image, with the progress of its copies."""
    return wire.Image(
        id=image.id,
        kind=kinds.IMAGE,
        name=image.name,
        state=image.state.value,
        self_link=f"{call.base}/v1/images/{image.id}",
        size=image.size_bytes,
        scope=wire.ImageScope(kind=image.scope.kind, id=image.scope.id),
        settings=[
            wire.ImageSetting(name=each.name, default_value=each.default_value)
            for each in image.settings
        ],
        replication_type=image.replication.value,
        replication_progress=places.replication(image),
        seeding_progress=places.seeding(image),
        tags=list(image.tags),
        labels=image.labels,
        digest=image.digest,
        format=image.file_format,
    )


async def _list(call: Call) -> wire.ImageList:
    name = call.query.get("name")
    selector = selector_of(call)
    reach = await reach_of(call.store, call.principal)

    def wanted(image: Image) -> bool:
        return name in (None, image.name) and selector.selects(image.labels)

    if reach.everything:
        read = of_kind(call.store, kinds.IMAGES, wanted)
    else:
        values = [
            ("scope", INFRASTRUCTURE),
            *(("project", each) for each in sorted(reach.projects)),
            *(("member", each) for each in reach.keys),
        ]
        read = of_any_index(call.store, kinds.IMAGES, values, wanted)
    page = await paginate(call, read)
    places = await image_places(call.store)
    items = [show_image(call, each, places) for each in page.items]
    return wire.ImageList(items=items, next_page_link=page.link, previous_page_link=page.previous)


async def _list_of_project(call: Call) -> wire.ImageList:
    await reading.project(call.store, call.id)
    name = call.query.get("name")
    selector = selector_of(call)
    seen = await seen_in_project(call, kinds.IMAGE)

    def wanted(image: Image) -> bool:
        found = name in (None, image.name) and selector.selects(image.labels)
        return found and seen(image.id)

    read = of_index(call.store, kinds.IMAGES, "project", call.id, wanted)
    page = await paginate(call, read)
    places = await image_places(call.store)
    items = [show_image(call, each, places) for each in page.items]
    return wire.ImageList(items=items, next_page_link=page.link, previous_page_link=page.previous)


async def _show(call: Call) -> wire.Image:
    """Infrastructure images are everybody's; a project's only its users', like unknown ones."""
    principal = call.principal
    places = await image_places(call.store)
    if principal is None or principal.is_system_admin:
        return show_image(call, (await reading.image(call.store, call.id)).value, places)
    stored = await kinds.IMAGES.get(call.store, call.id)
    if stored is not None:
        if stored.value.scope.kind != PROJECT:
            return show_image(call, stored.value, places)
        owner = await groups_of(call.services, kinds.IMAGE, call.id)
        if may(call.services, Access.PROJECT_VIEWER, principal, owner):
            return show_image(call, stored.value, places)
    raise PermanentError(
        "AccessForbidden", f"Not allowed: {principal.subject} may not see image {call.id!r}."
    )


async def _copies(call: Call) -> wire.ImageCopyList:
    image = (await reading.image(call.store, call.id)).value
    layout = await read_layout(call.store)
    hosts: dict[str, list[Spot]] = {}
    for spot in layout.spots:
        hosts.setdefault(spot.datastore_id, []).append(spot)
    shall = {copy.datastore_id for copy in layout.wanted if copy.digest == image.digest}
    items = []
    for datastore_id, spots in sorted(hosts.items()):
        present = any(image.digest in spot.held for spot in spots)
        if not present and datastore_id not in shall:
            continue
        stored = await kinds.DATASTORES.get(call.store, datastore_id)
        shown = show_copy(layout, image, datastore_id, present)
        items.append(
            wire.ImageCopy(
                datastore_id=datastore_id,
                datastore=stored.value.name if stored is not None else "",
                is_image_datastore=datastore_id in layout.image_datastores,
                host_ids=sorted(spot.host_id for spot in spots),
                state=shown.state,
                progress=shown.progress,
                message=shown.message,
            )
        )
    return wire.ImageCopyList(items=items)


async def _tasks(call: Call) -> TaskList:
    await reading.image(call.store, call.id)
    return await list_tasks(call, entity_prefix(kinds.IMAGE, call.id))


async def _upload(call: Call, caller: Caller, upload: Upload) -> Admission:
    return await _create(call, caller, upload, ImageScope())


async def _upload_to_project(call: Call, caller: Caller, upload: Upload) -> Admission:
    return await _create(call, caller, upload, ImageScope(kind=PROJECT, id=call.id))


async def _create(call: Call, caller: Caller, upload: Upload, scope: ImageScope) -> Admission:
    labels = read_labels(call.query.get("labels"), "labels")
    staged = StagedImage(digest=upload.blob.digest, size_bytes=upload.blob.size_bytes)
    return await verbs.image_create(
        call.ports, caller, upload.name, upload.replication, scope, staged, labels
    )


async def _delete(call: Call, caller: Caller) -> Admission:
    return await verbs.image_delete(call.ports, caller, call.id)


HANDLERS: dict[str, Handler] = {
    "uploadImage": Receives(_upload),
    "uploadProjectImage": Receives(_upload_to_project),
    "listImages": Reads(_list),
    "listProjectImages": Reads(_list_of_project),
    "getImage": Reads(_show),
    "deleteImage": Decides(_delete),
    "listImageCopies": Reads(_copies),
    "listImageTasks": Reads(_tasks),
}
