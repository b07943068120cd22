"""OVF descriptions: which file is the disk, and which hardware the appliance asks for.

Format: DMTF DSP0243.  Only names without a path may be referred to.  Documents
with a document type are refused, since entities can grow without bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from heliostat.controller.images.faults import invalid_ova
from heliostat.controller.model.image import ImageSetting

_DEVICES = {"6": "scsi", "10": "ethernet", "20": "sata"}
_PLAIN_NAME = re.compile(r"[^/\\:\0]+")


@dataclass(frozen=True, slots=True)
class Description:
    """What an OVF says: file name of its disk, and its hardware settings."""

    disk_name: str
    settings: tuple[ImageSetting, ...]


def parse(data: bytes) -> Description:
    """Read an OVF; ``InvalidOva`` if it is not one disk in a file beside it."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise invalid_ova("The OVF has a document type, which is not accepted.")
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - entities are refused above
    except ElementTree.ParseError as error:
        raise invalid_ova(f"The OVF is not well-formed XML: {error}.") from error
    if _local(root.tag) != "Envelope":
        raise invalid_ova("The OVF does not begin with an Envelope.")
    return Description(_disk_name(root), tuple(_settings(root)))


def _disk_name(root: ElementTree.Element) -> str:
    files = {_attribute(item, "id"): item for item in _all(root, "File")}
    for item in files.values():
        name = _attribute(item, "href")
        if not _PLAIN_NAME.fullmatch(name) or name in (".", ".."):
            raise invalid_ova(f"The OVF refers to {name!r}, which is not a file beside it.")
        if _attribute(item, "compression") not in ("", "identity"):
            raise invalid_ova(f"The OVF's file {name} is compressed as a whole.")
    disks = [_attribute(item, "fileRef") for item in _all(root, "Disk")]
    disks = [reference for reference in disks if reference]
    if len(disks) != 1:
        raise invalid_ova(f"The OVF has {len(disks)} disks with content; exactly one is accepted.")
    if disks[0] not in files:
        raise invalid_ova(f"The OVF's disk refers to an unknown file {disks[0]!r}.")
    return _attribute(files[disks[0]], "href")


def _settings(root: ElementTree.Element) -> Iterator[ImageSetting]:
    """Adapter types as in a .vmx file (``scsi0.virtualDev``), then explicit settings."""
    counts = dict.fromkeys(_DEVICES.values(), 0)
    for item in _all(root, "Item"):
        device = _DEVICES.get(_text(item, "ResourceType"))
        if device is None:
            continue
        number, counts[device] = counts[device], counts[device] + 1
        kind = _text(item, "ResourceSubType")
        if kind:
            yield ImageSetting(
                name=f"{device}{number}.virtualDev", default_value=_device_name(kind)
            )
    for item in _all(root, "ExtraConfig"):
        name = _attribute(item, "key")
        if name:
            yield ImageSetting(name=name, default_value=_attribute(item, "value"))


def _device_name(kind: str) -> str:
    name = kind.split()[0].lower()
    return "pvscsi" if name == "virtualscsi" else name


def _all(root: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (element for element in root.iter() if _local(element.tag) == name)


def _text(item: ElementTree.Element, name: str) -> str:
    return next(((child.text or "").strip() for child in item if _local(child.tag) == name), "")


def _attribute(item: ElementTree.Element, name: str) -> str:
    return next((value for key, value in item.attrib.items() if _local(key) == name), "")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
