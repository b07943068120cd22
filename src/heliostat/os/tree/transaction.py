"""Packages into a tree, by RPM itself: conflicts, order, triggers and database are its job.

``arguments`` and ``failure`` are pure: what RPM is asked, and what its refusal means.  The
output of a transaction is evidence for the gates, so all of it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed
from heliostat.os.tree.chroot import Chroot

DATABASE = "/usr/lib/sysimage/rpm"
_LANGUAGES_NONE = "C"
_CLASH = re.compile(
    r"file (?P<path>\S+) (?:from install of (?P<one>\S+) conflicts with file from package "
    r"|conflicts between attempted installs of (?P<first>\S+) and )(?P<two>\S+)"
)
_SPACE = re.compile(r"needs (?P<size>\S+) more space on the \S+ filesystem")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What of the packages is installed."""

    documentation: bool = False
    languages: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    """Paths left out, with all below them; RPM's database marks them as such."""


def arguments(root: Path, files: Sequence[Path], wishes: Wishes) -> list[str]:
    """RPM's command line.

    ``--force-debian``: Debian's RPM refuses to install otherwise.  ``--nosignature`` and the
    like: the packages were compared with signed metadata when they were chosen, and every file
    is compared with its package by the gates.
    """
    defined = {
        "_dbpath": DATABASE,
        "_install_langs": ":".join(wishes.languages) or _LANGUAGES_NONE,
        "_netsharedpath": ":".join(wishes.shared) or "%{nil}",
        "_excludedocs": "0" if wishes.documentation else "1",
        # accounts are made by a trigger, in one go and the same order whichever RPM this is
        "__systemd_sysusers": "%{nil}",
    }
    defines = [word for key, value in defined.items() for word in ("--define", f"{key} {value}")]
    unchecked = ["--nosignature", "--nodigest", "--nofiledigest"]
    options = ["--upgrade", *unchecked, "--noplugins", "--force-debian"]
    return ["rpm", "--root", str(root), *options, *defines, *(str(path) for path in files)]


def install(chroot: Chroot, files: Sequence[Path], wishes: Wishes, *, timeout_s: float) -> str:
    """Install ``files`` at once; returns all that RPM and the triggers said.

    Raises ``HeliostatError`` with what RPM refused: ``FileConflict``, ``DiskFull`` or
    ``ComposeFailed``.
    """
    try:
        said = chroot.run_on(arguments(chroot.root, files, wishes), timeout_s=timeout_s)
    except CommandFailed as error:
        raise failure(error.stderr or error.stdout, error, chroot.root) from error
    return said.stdout + said.stderr


def failure(
    said: str, error: CommandFailed | None = None, root: Path | None = None
) -> HeliostatError:
    """What RPM's refusal means, in the tree at ``root``."""
    clashes = [_clash(match) for match in _CLASH.finditer(said)]
    if clashes:
        more = f" ({len(clashes) - 1} more in `data.clashes`)" if len(clashes) > 1 else ""
        return HeliostatError("FileConflict", f"{clashes[0]}{more}.", data={"clashes": clashes})
    space = _SPACE.search(said)
    if space or "No space left on device" in said:
        lacking = f" {space['size']} more are needed." if space else ""
        where = f" of {root.parent}" if root is not None else ""
        return HeliostatError(
            "DiskFull",
            f"The disk{where} has no room for the tree.{lacking}",
            hint="Free space there (`helio os image prune` removes old stages), or work on a "
            "larger disk.",
        )
    lines = [line for line in said.splitlines() if line.startswith("error")]
    told = (lines or said.strip().splitlines() or [str(error)])[0]
    return HeliostatError(
        "ComposeFailed",
        f"RPM did not install the packages: {told.removeprefix('error: ').rstrip('.')}.",
        data={"said": said[-4000:]},
    )


def _clash(match: re.Match[str]) -> str:
    one = match["one"] or match["first"]
    return f"{match['path']} is in {one} and, with other content, in {match['two']}"
