"""A root tree from an edition and repositories: solved, installed, finished, checked.

``compose`` gives a whole tree or none: it is made beside its place and renamed there when
every gate has passed.  The same packages and edition give the same tree, byte for byte.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.image.workspace import workspace
from heliostat.os.monitor import Monitor
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.writer import write
from heliostat.os.solve import Chosen, Solution, Source, solve
from heliostat.os.tree import gates
from heliostat.os.tree.chroot import Chroot, devices
from heliostat.os.tree.database import in_memory, settle
from heliostat.os.tree.delivery import check_delivery
from heliostat.os.tree.edition import Edition
from heliostat.os.tree.exclusion import left_out
from heliostat.os.tree.finish import finish, settle_times
from heliostat.os.tree.meta import edition_package
from heliostat.os.tree.transaction import Wishes, install

_INSTALL_TIMEOUT_S = 1800.0


@dataclass(frozen=True, slots=True)
class Tree:
    """A composed tree and what is known of its making."""

    root: Path
    edition: Edition
    packages: tuple[Chosen, ...]
    epoch: int
    """SOURCE_DATE_EPOCH: seconds since 1970; nothing in the tree is younger."""
    said: str
    """All that RPM, triggers and finishing printed."""
    verdicts: tuple[gates.Verdict, ...]


def choose(edition: Edition, sources: Sequence[Source]) -> Solution:
    """The packages of an edition; raises ``Unsolvable``."""
    return solve(sources, edition.packages, excluded=edition.without, preferred=edition.prefer)


def compose(
    edition: Edition,
    sources: Sequence[Source],
    root: Path,
    monitor: Monitor,
    *,
    epoch: int | None = None,
    signer: Signer | None = None,
    checked: bool = True,
) -> Tree:
    """The tree of ``edition`` at ``root``, which must not be there or be empty.

    ``signer`` signs the package that the edition itself is.  ``epoch`` is the time of all
    that composing makes, unless a package is younger: packaged files keep the times that
    they were packaged with.

    Raises ``HeliostatError``: ``DependencyUnmet``, ``PackageMissing``, ``FileConflict``,
    ``DiskFull``, ``ComposeFailed``, or ``GateClosed`` when a gate did not let the tree
    out.  Then ``root`` is as it was.
    """
    _refuse_unready(root)
    with monitor.step(f"choose packages of {edition.name}"):
        solution = choose(edition, sources)
        files = check_delivery(solution.packages)
    epoch = max(epoch or 0, files.newest)
    with ExitStack() as stack:
        root.parent.mkdir(parents=True, exist_ok=True)
        work = stack.enter_context(workspace(root.parent, f".{root.name}.composing-"))
        chroot = Chroot(work, epoch)
        with monitor.step(f"install {len(files.paths)} packages"), devices(work):
            wishes = _wishes(edition, files.contents)
            own = _edition_file(edition, wishes, epoch, signer, stack)
            with in_memory(work):
                said = install(chroot, [*files.paths, own], wishes, timeout_s=_INSTALL_TIMEOUT_S)
        with monitor.step("finish"):
            with devices(work):
                said += finish(chroot, edition)
            settle(work)
            settle_times(work, epoch)
        with monitor.step("check"):
            verdicts = tuple(gates.gates(work, edition, said=said))
            if checked:
                gates.refuse_failed(verdicts)
        settle_times(work, epoch)
        os.rename(work, root)
    return Tree(root, edition, solution.packages, epoch, said, verdicts)


def _edition_file(
    edition: Edition, wishes: Wishes, epoch: int, signer: Signer | None, stack: ExitStack
) -> Path:
    """The package of the edition, for as long as ``stack`` is open."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edition-")))
    package = edition_package(edition, wishes.shared, epoch)
    return write(package, folder, signer=signer).path


def _wishes(edition: Edition, contents: Sequence[str]) -> Wishes:
    return Wishes(
        documentation=edition.documentation,
        languages=edition.languages,
        shared=left_out(edition.exclude, contents),
    )


def _refuse_unready(root: Path) -> None:
    if os.geteuid() != 0:
        raise HeliostatError(
            "ComposeFailed",
            "Composing a tree takes root: files get owners, and programs run shut in.",
            hint="Run the same command with sudo.",
        )
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise HeliostatError("FolderNotEmpty", f"{root} is there and not empty.")
