"""The download index: a folder that any web server can offer, read by simplestreams clients.

::

    streams/v1/index.json      which lists there are          each also as .sjson (signed text)
    streams/v1/<id>.json       editions, versions, files      and .json.gpg (signature beside it)
    <edition>/<version>/       the files, their record, SHA256SUMS
    RPM-GPG-KEY-heliostat      the key

Files come first, the lists after them, and what isn't listed any more goes last: a client
never reads of a file that isn't there.  Format: simplestreams, "Simple Sync Format".
"""

from __future__ import annotations

import json
import shutil
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from heliostat.core.counting import counted
from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.image import sparse
from heliostat.os.image.built import (
    BuiltImage,
    ImageRecord,
    built_images,
    encoded,
    place,
    stem_of,
)
from heliostat.os.image.tested import has_passed
from heliostat.os.packages.openpgp.signer import PUBLIC_NAME, Signer

CONTENT_ID = "org.heliostat:released:download"
_STREAMS = "streams/v1"
_ARCHITECTURE = "amd64"


def publish(
    images: Path, folder: Path, signer: Signer, *, keep: int, only_tested: bool = False
) -> list[str]:
    """Offer the ``keep`` newest images of each edition; returns paths below ``folder``.

    With ``only_tested`` of those only that passed every gate running, too.  Raises
    ``ImageNotFound`` if there are none, ``ImageCorrupt`` for a file that isn't what was built;
    then the lists are as before.
    """
    built = built_images(images)
    offered = newest((each for each in built if not only_tested or has_passed(each)), keep)
    if only_tested and built and not offered:
        raise HeliostatError(
            "ImageNotFound",
            f"None of the {counted(len(built), 'image')} in {images} passed its gates running.",
            hint="Test one: `helio os image test minimal`.",
        )
    if not offered:
        raise HeliostatError(
            "ImageNotFound",
            f"No image was built in {images}, so there is nothing to publish.",
            hint="Build one: `helio os image build minimal`.",
        )
    moment = max(image.record.epoch for image in offered)
    paths = [path for image in offered for path in _put(image, folder, signer)]
    atomic_write(folder / PUBLIC_NAME, signer.public_text)
    _sign_and_write(folder / products_path(), products(offered), signer, moment)
    _sign_and_write(folder / _STREAMS / "index.json", index(offered), signer, moment)
    _remove_others(folder, offered)
    return paths


def newest(images: Iterable[BuiltImage], keep: int) -> list[BuiltImage]:
    """Of each edition the ``keep`` newest; oldest first, editions by name."""
    by_name: defaultdict[str, list[BuiltImage]] = defaultdict(list)
    for image in images:
        by_name[image.name].append(image)
    chosen = []
    for name in sorted(by_name):
        ordered = sorted(by_name[name], key=lambda image: (image.built_at_ms, image.release))
        chosen += ordered[-keep:]
    return chosen


def products_path() -> str:
    """Where the list of editions lies."""
    return f"{_STREAMS}/{CONTENT_ID}.json"


def index(images: Sequence[BuiltImage]) -> dict[str, Any]:
    """The list of lists."""
    updated = _moment(images)
    entry = {
        "datatype": "image-downloads",
        "format": "products:1.0",
        "path": products_path(),
        "products": sorted({_product(image) for image in images}),
        "updated": updated,
    }
    return {"format": "index:1.0", "updated": updated, "index": {CONTENT_ID: entry}}


def products(images: Sequence[BuiltImage]) -> dict[str, Any]:
    """All editions with their versions and files."""
    listed: dict[str, dict[str, Any]] = {}
    for image in images:
        product = listed.setdefault(_product(image), _described(image))
        product["versions"][image.release] = {
            "label": "release",
            "pubname": f"heliostat-{image.name}-{_ARCHITECTURE}-{image.release}",
            "items": {kind: _item(image, kind) for kind in sorted(image.record.files)},
        }
    return {
        "format": "products:1.0",
        "datatype": "image-downloads",
        "content_id": CONTENT_ID,
        "updated": _moment(images),
        "products": listed,
    }


def _item(image: BuiltImage, kind: str) -> dict[str, Any]:
    file = image.record.files[kind]
    return {
        "ftype": file.ftype,
        "path": f"{_folder_of(image)}/{_name_of(image, kind)}",
        "sha256": file.sha256,
        "size": file.size_bytes,
    }


def _described(image: BuiltImage) -> dict[str, Any]:
    return {
        "aliases": image.name,
        "arch": _ARCHITECTURE,
        "os": "heliostat",
        "release": image.name,
        "release_title": image.record.summary,
        "supported": True,
        "version": image.name,
        "versions": {},
    }


def _put(image: BuiltImage, folder: Path, signer: Signer) -> list[str]:
    """The image's files, checksums and record below ``folder``; returns the files' paths."""
    into = folder / _folder_of(image)
    into.mkdir(parents=True, exist_ok=True)
    sums = []
    for kind, source in sorted(image.files().items()):
        target = into / _name_of(image, kind)
        if not (target.exists() and target.samefile(source)):
            _require_whole(image, kind, source)
            place(source, target)
        sums.append(f"{image.record.files[kind].sha256} *{_name_of(image, kind)}\n")
    atomic_write(into / "record.json", encoded(_timeless(image.record)))
    text = "".join(sorted(sums)).encode()
    atomic_write(into / "SHA256SUMS", text)
    atomic_write(into / "SHA256SUMS.gpg", signer.sign_detached(text, image.record.epoch))
    return [f"{_folder_of(image)}/{_name_of(image, kind)}" for kind in image.record.files]


def _require_whole(image: BuiltImage, kind: str, source: Path) -> None:
    """Nothing is signed for that isn't what was built: a disk may lose what it was given."""
    if sparse.sha256(source) != image.record.files[kind].sha256:
        raise HeliostatError(
            "ImageCorrupt",
            f"{source} is not what was built: its SHA-256 is another one.",
            hint=f"Remove it and build it again: `helio os image build {image.name} --force`.",
        )


def _sign_and_write(path: Path, document: dict[str, Any], signer: Signer, moment: int) -> None:
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    atomic_write(path.with_suffix(".sjson"), signer.sign_text(text, moment))
    atomic_write(path, text.encode())
    atomic_write(path.with_name(f"{path.name}.gpg"), signer.sign_detached(text.encode(), moment))


def _remove_others(folder: Path, offered: Sequence[BuiltImage]) -> None:
    """Versions that aren't offered any more, recognised by their record."""
    kept = {folder / _folder_of(image) for image in offered}
    for record in folder.glob("*/*/record.json"):
        if record.parent not in kept:
            shutil.rmtree(record.parent)


def _folder_of(image: BuiltImage) -> str:
    return f"{image.name}/{image.release}"


def _name_of(image: BuiltImage, kind: str) -> str:
    """Without the identity, which the folder tells."""
    suffix = image.record.files[kind].name.removeprefix(stem_of(image.name, image.identity))
    return f"heliostat-{image.name}{suffix}"


def _product(image: BuiltImage) -> str:
    return f"org.heliostat:{image.name}:{_ARCHITECTURE}"


def _timeless(record: ImageRecord) -> ImageRecord:
    """The record without when it was built, which no file of the image depends on."""
    return msgspec.structs.replace(record, built_at_ms=record.epoch * 1000)


def _moment(images: Sequence[BuiltImage]) -> str:
    """Of the newest image: its packages' time, so that the same images give the same lists."""
    newest_s = max(image.record.epoch for image in images)
    return time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(newest_s))
