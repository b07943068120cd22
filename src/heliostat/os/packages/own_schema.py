"""What ``distro/packages/<name>/package.yaml`` may say: our own packages as data.

Files lie in ``files/`` beside it, under the path they get in the system; the list
``files:`` names only those that are not plain (another mode or owner, or a content given
in place).  Relations are written as in spec files: ``coreutils >= 9``, ``(a or b)``.
"""

from __future__ import annotations

import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from heliostat.os.packages.constraints import AbsolutePath, Capabilities, Mode, RelationText
from heliostat.os.packages.rpm.package import ScriptKind, TriggerKind


class OwnFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that differs from the plain one: root's, 0644 or 0755, below /etc a configuration."""

    path: AbsolutePath
    mode: Mode | None = None
    user: str = "root"
    group: str = "root"
    config: bool | None = None
    content: str | None = None
    capabilities: Capabilities = ""


class OwnFolder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder that the package owns; those above its files are owned only if listed."""

    path: AbsolutePath
    mode: Mode = "0755"
    user: str = "root"
    group: str = "root"


class OwnTrigger(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A script that runs when files below ``paths`` come or go; it reads their names."""

    on: TriggerKind = TriggerKind.TRANSACTION_IN
    paths: list[AbsolutePath]
    run: str
    interpreter: str = "/bin/sh"
    priority: int = 1_000_000


class OwnScript(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    on: ScriptKind
    run: str
    interpreter: str = "/bin/sh"


class OwnChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the change log."""

    date: datetime.date
    version: str
    text: str


class OwnPackage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``date`` is the time of its build and of all of its files."""

    name: str
    version: str
    release: str = "1"
    epoch: int | None = None
    arch: Literal["noarch", "x86_64"] = "noarch"
    date: datetime.date
    summary: str
    description: str
    licence: str = "Apache-2.0"
    url: str = ""
    group: str = "System"
    provides: list[RelationText] = msgspec.field(default_factory=list)
    requires: list[RelationText] = msgspec.field(default_factory=list)
    requires_for_scripts: list[RelationText] = msgspec.field(default_factory=list)
    """Installed before this package's scripts and triggers run."""
    conflicts: list[RelationText] = msgspec.field(default_factory=list)
    obsoletes: list[RelationText] = msgspec.field(default_factory=list)
    recommends: list[RelationText] = msgspec.field(default_factory=list)
    suggests: list[RelationText] = msgspec.field(default_factory=list)
    supplements: list[RelationText] = msgspec.field(default_factory=list)
    enhances: list[RelationText] = msgspec.field(default_factory=list)
    folders: list[OwnFolder] = msgspec.field(default_factory=list)
    files: list[OwnFile] = msgspec.field(default_factory=list)
    installation: AbsolutePath | None = None
    """Folder that gets the Python package ``heliostat`` of whoever writes this, with its data."""
    installation_only: list[str] = msgspec.field(default_factory=list)
    """Globs of the part that this package takes; all if there are none."""
    installation_without: list[str] = msgspec.field(default_factory=list)
    """Globs of what another package has."""
    compact: bool = False
    """Whether modules come without docstrings, comments and types."""
    links: dict[AbsolutePath, str] = msgspec.field(default_factory=dict)
    """Symbolic links: path to target."""
    ghosts: list[AbsolutePath] = msgspec.field(default_factory=list)
    """Files that the package owns, but that something else writes."""
    triggers: list[OwnTrigger] = msgspec.field(default_factory=list)
    scripts: list[OwnScript] = msgspec.field(default_factory=list)
    changes: list[OwnChange] = msgspec.field(default_factory=list)
