"""Verbs of images, and the workflow that makes an upload usable.

The upload is in the blob store already when the verb is called.  References to
blobs are committed with the image, so its content can't be collected while it
exists and is collectable as soon as it doesn't.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from heliostat.cloudstore.contract import Change
from heliostat.content.references import Owner, add, remove
from heliostat.controller.model.image import (
    PROJECT,
    Image,
    ImageScope,
    ImageState,
    Replication,
    StagedImage,
)
from heliostat.controller.model.labels import check_labels
from heliostat.controller.model.names import invalid
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import IMAGE, IMAGES, PROJECTS, VMS
from heliostat.controller.workflows.replicas import align
from heliostat.controller.workflows.requests import completed, queued, refuse_busy
from heliostat.controller.workflows.roles import covered, covered_at_home
from heliostat.controller.workflows.steps import ports_of
from heliostat.controller.workflows.unused import image_removal
from heliostat.core.errors import PermanentError
from heliostat.core.roles import Role
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow

MAX_NAME_LENGTH = 255


async def image_create(
    ports: Ports,
    caller: Caller,
    name: str,
    replication: Replication,
    scope: ImageScope,
    staged: StagedImage,
    labels: Mapping[str, str] | None = None,
) -> Admission:
    """An image in CREATING that refers to its upload; its task looks into it."""
    check_image_name(name)
    tenant_id, project_id, guards = "", "", []
    if scope.kind == PROJECT:
        project = await reading.project(ports.store, scope.id)
        refuse_busy("project", project.value)
        tenant_id, project_id = project.value.tenant_id, project.value.id
        guards.append(PROJECTS.guard(project))
    image = Image(
        id=ports.ids.new_id(),
        name=name,
        state=ImageState.CREATING,
        scope=scope,
        replication=replication,
        size_bytes=staged.size_bytes,
        upload_digest=staged.digest,
        labels=check_labels(labels or {}),
        created_ms=ports.clock.now_ms(),
    )
    task = queued(
        ports,
        caller,
        CREATE_IMAGE,
        IMAGE,
        image.id,
        tenant_id=tenant_id,
        project_id=project_id,
    )
    reference = add(staged.digest, Owner(IMAGE, image.id))
    return Admission(
        task,
        (*guards, *reference.guards),
        (*IMAGES.put(replace(image, task_id=task.id)), *reference.changes),
    )


def check_image_name(name: str) -> None:
    """Raise ``InvalidEntity`` for what can't be an image's name."""
    if not name.strip() or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise invalid("name", f"an image's name has 1 to {MAX_NAME_LENGTH} printable characters")


async def image_delete(ports: Ports, caller: Caller, image_id: str) -> Admission:
    """Remove an image at once, or, while VMs use it, with the last of them (PENDING_DELETE)."""
    stored = await reading.image(ports.store, image_id)
    image = stored.value
    refuse_busy("image", image)
    if image.state is ImageState.PENDING_DELETE:
        raise PermanentError(
            "InvalidImageState", f"The image {image.name} is being deleted already."
        )
    owner = await reading.owner_of(ports.store, IMAGE, image_id)
    _refuse_borrower(caller, owner)
    task = completed(
        ports,
        caller,
        "DELETE_IMAGE",
        IMAGE,
        image_id,
        tenant_id=owner.tenant_id,
        project_id=owner.project_id,
    )
    if await VMS.ids_by_index(ports.store, "image", image_id):
        pending = replace(image, state=ImageState.PENDING_DELETE)
        return Admission(task, (IMAGES.guard(stored),), tuple(IMAGES.put(pending, image)))
    guards = (IMAGES.guard(stored), VMS.unused("image", image_id))
    return Admission(task, guards, tuple(image_removal(image)))


def _refuse_borrower(caller: Caller, owner: reading.Ownership) -> None:
    """Whom an image is lent to may use it; to delete it takes its owner, or its project's role."""
    if caller.is_system_admin:
        return
    lent = not covered_at_home(caller, owner, Role.CONTRIBUTOR)
    if lent and not covered(caller, owner, Role.OWNER):
        raise PermanentError(
            "AccessForbidden",
            f"Not allowed: {caller.subject} may use this image; deleting it needs the role owner "
            "of it, or contributor of its project.",
        )


async def _upload(ctx: StepContext) -> Done:
    """Look into the upload and make it uniform; the same upload gives the same blob again."""
    ports = ports_of(ctx)
    image = (await reading.image(ctx.store, ctx.task.entity_id)).value

    def progress(fraction: float) -> None:
        ctx.waiting_for(f"The image is being converted, {fraction:.0%} done")

    ctx.waiting_for("The conversion of the image has yet to begin")
    made = await ports.images.normalise(
        ports.blobs, image.upload_digest, ports.settings.max_image_bytes, progress
    )
    stored = await reading.image(ctx.store, image.id)
    owner = Owner(IMAGE, image.id)
    reference = add(made.digest, owner)
    changes: list[Change] = []
    if made.digest != image.upload_digest:
        changes.extend(remove(image.upload_digest, owner).changes)
    known = replace(
        stored.value,
        digest=made.digest,
        blob_size_bytes=made.blob_size_bytes,
        size_bytes=made.virtual_size_bytes,
        file_format=made.file_format,
        settings=made.settings,
    )
    changes.extend([*IMAGES.put(known, stored.value), *reference.changes])
    ctx.explain(
        "image",
        f"The upload is a {made.file_format} file of {image.size_bytes} bytes; "
        f"it is kept as qcow2 of {made.blob_size_bytes} bytes, {made.virtual_size_bytes} virtual.",
    )
    return Done(
        changes=changes,
        guards=[IMAGES.guard(stored), *reference.guards],
        result={"digest": made.digest},
    )


async def _unupload(ctx: StepContext) -> Done:
    """The image is gone with its references; collection frees the content."""
    stored = await IMAGES.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    return Done(changes=image_removal(stored.value), guards=[IMAGES.guard(stored)])


async def _replicate(ctx: StepContext) -> Done:
    """Begin to copy the image to where it shall be; it is READY meanwhile.

    Copies never delay this, nor does a datastore that can't take one: the content is
    stored, and a host fetches what it needs.
    """
    moves = await align(ctx.store, ctx.commit, ports_of(ctx).settings.image_copies_at_once)
    ctx.explain(
        "replication",
        f"{len(moves.ask)} copies were asked for, {moves.waiting} wait for their turn or host.",
    )
    stored = await reading.image(ctx.store, ctx.task.entity_id)
    ready = replace(stored.value, state=ImageState.READY, task_id="")
    return Done(changes=IMAGES.put(ready, stored.value), guards=[IMAGES.guard(stored)])


async def give_up_image(ctx: StepContext) -> Done:
    stored = await IMAGES.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    broken = replace(stored.value, state=ImageState.ERROR, task_id="")
    return Done(changes=IMAGES.put(broken, stored.value), guards=[IMAGES.guard(stored)])


REPLICATE = StepDefinition("REPLICATE_IMAGE", _replicate)
CREATE_IMAGE = Workflow(
    "CREATE_IMAGE",
    (
        StepDefinition("UPLOAD_IMAGE", _upload, undo=_unupload, expected_s=300.0),
        REPLICATE,
    ),
    stuck=give_up_image,
)
