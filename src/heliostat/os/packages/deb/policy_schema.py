"""What ``distro/policy/*.yaml`` may say about imported packages; every file has the same form."""

from __future__ import annotations

from typing import Literal

import msgspec

from heliostat.os.packages.constraints import (
    AbsolutePath,
    Capabilities,
    Mode,
    RelationText,
    ResidueDigest,
)
from heliostat.os.packages.rpm.relation import Relation

ScriptName = Literal["preinst", "postinst", "prerm", "postrm"]


class Review(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody read the hand-written part of a script, and says why it isn't needed."""

    why: str
    """The reason, or what takes its place."""
    digests: tuple[ResidueDigest, ...]
    """Of the residues that were read (``helio os import`` tells them)."""


class NewFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that a script would have made, or that replaces one of the package."""

    content: str = ""
    mode: Mode = "0644"
    user: str = "root"
    group: str = "root"
    config: bool = False
    """Whether the administrator's changes survive upgrades."""


class NewFolder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder that a script would have made."""

    mode: Mode = "0755"
    user: str = "root"
    group: str = "root"


class Ownership(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``dpkg-statoverride``, ``chown`` and ``setcap`` of scripts come to."""

    mode: Mode | None = None
    """As packaged if not given."""
    user: str | None = None
    group: str | None = None
    capabilities: Capabilities = ""


class Trigger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file trigger of the package: runs once after any transaction that touched ``paths``."""

    paths: tuple[AbsolutePath, ...]
    run: str
    kind: Literal["transfiletriggerin", "transfiletriggerpostun"] = "transfiletriggerin"
    interpreter: str = "/bin/sh"
    priority: int = 1_000_000


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A package of its own for files of another: what only some systems need.

    It requires the package that it is a part of, in the same version.
    """

    summary: str
    files: tuple[str, ...]
    """Path patterns (``*`` also matches ``/``), whole folders included."""
    requires: tuple[str, ...] = ()
    """Dependencies of the whole that only these files have: they go with the part."""
    below: bool = False
    """The whole requires the part instead: others can do with the part alone."""


class PackagePolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything decided about one package; all of it may be absent."""

    scripts: dict[ScriptName, Review] = {}
    drop: tuple[str, ...] = ()
    """Path patterns that are left out (``*`` also matches ``/``), whole folders included."""
    move: dict[AbsolutePath, AbsolutePath] = {}
    """Paths that change: a pattern with one ``*``, and where it goes, with ``{}`` for what
    ``*`` matched (``/boot/vmlinuz-*`` to ``/usr/lib/modules/{}/vmlinuz``)."""
    copies: dict[AbsolutePath, AbsolutePath] = {}
    """Configuration that scripts would have copied into place: path to the packaged file."""
    files: dict[AbsolutePath, NewFile] = {}
    folders: dict[AbsolutePath, NewFolder] = {}
    links: dict[AbsolutePath, str] = {}
    """Symbolic links: path to target."""
    owners: dict[AbsolutePath, Ownership] = {}
    config: tuple[str, ...] = ()
    """Path patterns of files that are configuration though Debian doesn't say so."""
    provides: tuple[RelationText, ...] = ()
    requires: tuple[RelationText, ...] = ()
    drop_requires: tuple[str, ...] = ()
    drop_conflicts: tuple[str, ...] = ()
    drop_recommends: tuple[str, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    strip: tuple[str, ...] = ()
    """Path patterns of programs whose symbol tables are cut off."""
    parts: dict[str, Part] = {}
    """Packages that some of the files are in instead, by name."""
    raise_epoch: int = 0
    """Added to Debian's epoch, where RPM would order two versions differently."""

    def __post_init__(self) -> None:
        for text in (*self.provides, *self.requires):
            Relation.parse(text)  # no pattern can count parentheses
        for old, new in self.move.items():
            if not new.count("{}") <= old.count("*") <= 1:
                raise ValueError(f"{old} moves to {new}, but {{}} stands for one *, once")


class Defaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for every package."""

    drop: tuple[str, ...] = ()
    """Path patterns that no package brings."""
    folders: tuple[str, ...] = ()
    """Folders that ``heliostat-filesystem`` owns: no imported package does."""
    scripts: dict[ScriptName, str] = {}
    """Kinds of scripts whose hand-written parts are never needed, with the reason."""
    alternatives: dict[str, str] = {}
    """Whose a link is that several packages offer: path to name of the package."""
    licences: dict[str, str] = {}
    """Debian's short names of licences as SPDX identifiers."""


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of ``distro/policy``."""

    defaults: Defaults = Defaults()
    replaced: dict[str, str] = {}
    """Packages that are never imported: name to the package of ours that takes the place."""
    packages: dict[str, PackagePolicy] = {}
