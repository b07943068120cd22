"""The datastores of a host: folders, told apart by the id that lies in each.

``<folder>/datastore.json`` holds the id.  It is written when an agent first uses a
folder, so hosts that share a folder find the same id.  The agent remembers which id
it found where (``datastores.json`` in its home): a folder that had one and now has
none is not mounted, and nothing is written into it.

Inside, ``images``, ``disks`` and ``vms/<id>`` lie as in the agent's home, which is a
datastore itself unless the settings list others and leave it out.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from heliostat.agent.settings import DatastoreSettings
from heliostat.agentlink.messages import DatastoreType, HostDatastore, HostFacts
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.core.files import atomic_write, remove_tree, sync_directory

log = logging.getLogger(__name__)

MARKER = "datastore.json"
KNOWN = "datastores.json"
HOME_NAME = "local"
ABANDONED_S = 86_400.0

Capacity = Callable[[Path], tuple[int, int]]
"""Total and free bytes of the file system that a folder lies on."""


class _Marker(msgspec.Struct, frozen=True):
    id: str


@dataclass(frozen=True, slots=True)
class Place:
    """A datastore of this host; ``offered`` is whether new things may be placed in it."""

    id: str
    name: str
    type: str
    tags: tuple[str, ...]
    root: Path
    offered: bool = True

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def disks(self) -> Path:
        return self.root / "disks"

    @property
    def vms(self) -> Path:
        return self.root / "vms"

    def disk(self, disk_id: str) -> Path:
        return self.disks / f"{disk_id}.qcow2"

    @property
    def is_there(self) -> bool:
        """Whether the folder is what it was: mounted, with its own id."""
        return _marked(self.root) == self.id


class Datastores:
    """All datastores of one host; ``find`` resolves what wishes name."""

    def __init__(self, home: Path, places: tuple[Place, ...], known: Iterable[str]) -> None:
        self.home = next(place for place in places if place.root == home)
        self._places = {place.id: place for place in places}
        self._known = frozenset(known)

    @classmethod
    def open(
        cls,
        home: Path,
        settings: tuple[DatastoreSettings, ...],
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> Datastores:
        """Those of ``settings`` (none: the home alone); raises ``InvalidSetting``."""
        _check(settings)
        known = _read_known(home)
        places: list[Place] = []
        for each in settings or (DatastoreSettings(name=HOME_NAME, type="EXT3"),):
            root = each.path.absolute() if each.path is not None else home
            place = _identified(each, root, home, known, new_id)
            if place is not None:
                places.append(place)
        if all(place.root != home for place in places):
            unlisted = DatastoreSettings(name=HOME_NAME, type="EXT3")
            place = _identified(unlisted, home, home, known, new_id, offered=False)
            assert place is not None, "an agent's home can always be marked"
            places.append(place)
        _check_marks(places)
        known.update({str(place.root): place.id for place in places})
        _write_known(home, known)
        return cls(home, tuple(places), known.values())

    def __iter__(self) -> Iterator[Place]:
        """Those that are there now, in the order of the settings."""
        return (place for place in self._places.values() if self._is_there(place))

    def find(self, datastore_id: str) -> Place:
        """The place that a wish names, which is there; empty is the agent's home.

        Raises ``HostDatastoreNotFound``, and the temporary ``DatastoreUnavailable``
        while the folder is not mounted.
        """
        place = self._places.get(datastore_id) if datastore_id else self.home
        if place is not None and self._is_there(place):
            return place
        if place is None and datastore_id not in self._known:
            raise PermanentError(
                "HostDatastoreNotFound", f"This host has no datastore {datastore_id}."
            )
        where = f"{place.name} ({place.root})" if place is not None else datastore_id
        raise TemporaryError(
            "DatastoreUnavailable", f"The datastore {where} is not mounted on this host."
        )

    def _is_there(self, place: Place) -> bool:
        """The home is: whoever removed its mark did not take it away."""
        return place is self.home or place.is_there

    def disk(self, disk_id: str) -> Path | None:
        """The file of a persistent disk, in whichever datastore it lies."""
        paths = (place.disk(disk_id) for place in self)
        return next((path for path in paths if path.exists()), None)

    def disk_ids(self) -> set[str]:
        """Persistent disks in any datastore, also those of other hosts that share it."""
        return {path.stem for place in self for path in place.disks.glob("[!.]*.qcow2")}

    def remove_vm(self, vm_id: str) -> None:
        """Remove a VM's disks outside the agent's home."""
        for place in self:
            folder = place.vms / vm_id
            if place.root != self.home.root and folder.exists():
                remove_tree(folder)
                sync_directory(place.vms)

    def sweep(self, now_s: float) -> None:
        """Remove what somebody was writing a day ago and never finished, outside the home.

        Younger temporary files may be those of another host that shares the folder.
        """
        for place in self:
            if place.root == self.home.root:
                continue
            try:
                self._sweep(place, now_s)
            except OSError as error:  # another host was faster, or the datastore fails
                log.warning("datastore %s is not swept to the end: %s", place.name, error)

    def _sweep(self, place: Place, now_s: float) -> None:
        folders = (place.root, place.disks, place.images, *place.vms.iterdir())
        drafts = (path for folder in folders for path in folder.glob(".*"))
        partial = place.images.glob(f"*.{self.home.id}.part")
        for path in (*drafts, *partial):
            if path.is_file() and now_s - path.stat().st_mtime > ABANDONED_S:
                path.unlink(missing_ok=True)

    def told(
        self, facts: HostFacts, images: Mapping[str, Iterable[str]], capacity: Capacity
    ) -> HostFacts:
        """``facts`` of the home alone, made those of all datastores.

        ``images`` names the complete images of each that is there.
        """
        home = (facts.disk_total_bytes, facts.disk_free_bytes)
        there = tuple(self)
        sizes = {each.id: home if each is self.home else capacity(each.root) for each in there}
        distinct = [sizes[each.id] for each in one_a_file_system(there)]
        return replace(
            facts,
            datastore=next(iter(self._places.values())).name,
            disk_total_bytes=sum(total for total, _ in distinct),
            disk_free_bytes=sum(free for _, free in distinct),
            datastores=tuple(
                HostDatastore(
                    datastore_id=place.id,
                    name=place.name,
                    type=place.type,
                    tags=place.tags,
                    total_bytes=sizes.get(place.id, (0, 0))[0],
                    free_bytes=sizes.get(place.id, (0, 0))[1],
                    images=tuple(sorted(images.get(place.id, ()))),
                    available=place.offered and place.id in sizes,
                )
                for place in self._places.values()
            ),
        )


def one_a_file_system(places: Iterable[Place]) -> Iterator[Place]:
    """Of the places that share a file system only the first: its space is there once."""
    first, *others = places
    yield first
    seen = {first.root.stat().st_dev} if others else set()
    for place in others:
        device = place.root.stat().st_dev
        if device not in seen:
            seen.add(device)
            yield place


def _identified(
    settings: DatastoreSettings,
    root: Path,
    home: Path,
    known: dict[str, str],
    new_id: Callable[[], str],
    *,
    offered: bool = True,
) -> Place | None:
    """The place at ``root``; ``None`` for a folder that is not there and never was."""
    found = _marked(root)
    remembered = known.get(str(root))
    if found is None and root == home:  # it is there: this agent works in it
        found = _mark(root, remembered or new_id(), shared=False)
    elif found is None and remembered is None and root.is_dir():
        found = _mark(root, new_id(), shared=True)
    if found is None and remembered is None:
        log.error("datastore %s: %s is not there", settings.name, root)
        return None
    if found is None:
        log.error("datastore %s: %s has lost its mark; it may not be mounted", settings.name, root)
    place = Place(
        id=found or remembered or "",
        name=settings.name,
        type=settings.type,
        tags=settings.tags,
        root=root,
        offered=offered,
    )
    if found is not None:
        for folder in (place.images, place.disks, place.vms):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place


def _marked(root: Path) -> str | None:
    try:
        return msgspec.json.decode((root / MARKER).read_bytes(), type=_Marker).id
    except (OSError, msgspec.MsgspecError):
        return None


def _mark(root: Path, id_: str, *, shared: bool) -> str:
    """Put an id into a folder, or find that another host was faster; the id that counts."""
    value = msgspec.json.encode(_Marker(id_))
    if not shared:
        atomic_write(root / MARKER, value)
        return id_
    draft = root / f".{MARKER}.{id_}"
    draft.write_bytes(value)
    try:
        os.link(draft, root / MARKER)  # unlike a rename, it never replaces another host's
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync_directory(root)
    marked = _marked(root)
    if marked is None:
        raise PermanentError("AgentError", f"The mark of the datastore in {root} is unreadable.")
    return marked


def _read_known(home: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode((home / KNOWN).read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}


def _write_known(home: Path, known: dict[str, str]) -> None:
    value = msgspec.json.encode(known)
    path = home / KNOWN
    if not path.exists() or path.read_bytes() != value:
        atomic_write(path, value, mode=0o600)


def _check(settings: tuple[DatastoreSettings, ...]) -> None:
    def refuse(why: str) -> PermanentError:
        return PermanentError("InvalidSetting", f"agent.datastores: {why}.")

    for field in ("name", "path"):
        values = [str(getattr(each, field) or "(the agent's home)") for each in settings]
        twice = next((each for each in values if values.count(each) > 1), None)
        if twice is not None:
            raise refuse(f"the {field} {twice} is there twice")
    for each in settings:
        if not each.name:
            raise refuse("a datastore has a name")
        if each.type not in set(map(str, DatastoreType)):
            raise refuse(f"{each.name} has the type {each.type}; known are {_words()}")


def _check_marks(places: list[Place]) -> None:
    ids = [place.id for place in places]
    for place in places:
        if ids.count(place.id) > 1:
            raise PermanentError(
                "InvalidSetting",
                f"agent.datastores: {place.root} carries the same mark as another folder.",
                hint=f"List a folder once; of a copied one, remove {MARKER} from the copy.",
            )


def _words() -> str:
    return ", ".join(DatastoreType)
