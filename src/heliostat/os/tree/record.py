"""What is known of a tree's making, beside it: ``<tree>.json`` next to the folder ``<tree>``.

Not inside, because the tree is what its packages and its edition make, and nothing else.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.tree.compose import Tree
from heliostat.os.tree.edition import Edition


class RecordedPackage(msgspec.Struct, frozen=True):
    """One package of a tree."""

    nevra: str
    source: str
    sha256: str | None
    why: str


class Record(msgspec.Struct, frozen=True):
    """Of one composed tree."""

    edition: Edition
    epoch: int
    said: str
    packages: tuple[RecordedPackage, ...]


def record_path(root: Path) -> Path:
    """Where the record of the tree at ``root`` lies."""
    return root.with_name(f"{root.name}.json")


def write_record(tree: Tree) -> Record:
    """Lay it down beside the tree."""
    packages = tuple(
        RecordedPackage(each.nevra, each.source, each.sha256, each.why) for each in tree.packages
    )
    record = Record(tree.edition, tree.epoch, tree.said, packages)
    data = msgspec.json.format(msgspec.json.encode(record), indent=2)
    atomic_write(record_path(tree.root), data + b"\n")
    return record


def read_record(root: Path) -> Record | None:
    """The record of the tree, if there is one; raises ``InvalidSetting`` for a broken one."""
    path = record_path(root)
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except msgspec.MsgspecError as error:
        raise HeliostatError(
            "InvalidSetting", f"{path} is no record of a tree: {error}."
        ) from error
