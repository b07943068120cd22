"""The operating system: how long packages and images take, and what a guest takes when it runs.

    python -m benchmarks.os.bench [import] [compose] [rebuild] [guests]

``import`` starts from downloaded packages and ends with a signed, published repository;
``compose`` from that repository with an image; ``rebuild`` is the same after one package has
changed.  Their peer is mmdebstrap with the same packages, from kept downloads too, and mke2fs.
Guests are emulated, one after another, ours and the peer's in turn with the same options.

Each part runs in a process of its own for no longer than ``LIMITS_S`` says; when one fails,
the others run nevertheless, and what failed is named at the end.  Needs root, as building
images does.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.os.parts import run_parts, stated, timed
from benchmarks.os.peer import kept_debs, make_disk, make_tree, peer_packages
from benchmarks.os.site import ready_site, shared_cache, shared_image, site
from benchmarks.os.waking import Woken, wake
from benchmarks.os.workplace import workplace
from benchmarks.record import record

from heliostat.os.image.workspace import remove

EDITION = "minimal"
ROUNDS = 3
BOOTS = 3
_RATIO = "of the peer"


def imports() -> None:
    """``os.import``."""
    with site() as here:
        timed("downloading what is missing", partial(here.publish, EDITION))
        samples = []
        for number in range(ROUNDS):
            here.forget_what_was_imported()
            samples.append(timed(_round("import", number), partial(here.publish, EDITION)))
    _lower("os.import", samples, "s", floor=120, goal=40)


def composes() -> None:
    """``os.compose``, and ``os.compose_peer`` in the same rounds."""
    with ready_site(EDITION) as here, workplace(shared_cache()) as work:
        packages = peer_packages(here.build(EDITION))
        ours: list[float] = []
        peers: list[float] = []
        for number in range(ROUNDS):
            here.forget_stages()
            ours.append(timed(_round("compose", number), partial(here.build, EDITION)))
            peers.append(_peer_s(_round("the peer", number), packages, work / "peer"))
    _lower("os.compose", ours, "s", floor=60, goal=25)
    _ratios("os.compose_peer", ours, peers, floor=1.0, goal=0.5, peer="mmdebstrap and mke2fs")


def rebuilds() -> None:
    """``os.rebuild``."""
    with ready_site(EDITION) as here:
        here.build(EDITION)

        def rebuild(number: int) -> None:
            here.change_a_package(number + 1)
            here.build(EDITION)

        samples = [
            timed(_round("rebuild", number), partial(rebuild, number)) for number in range(ROUNDS)
        ]
    _lower("os.rebuild", samples, "s", floor=30, goal=8)


def guests() -> None:
    """``os.boot``, ``os.minimal_memory``, ``os.minimal_disk``, ``os.nano_disk``."""
    nano = shared_image("nano")
    small = wake(nano.path, seeded=False)
    stated(f"nano: running after {small.running_s:.1f} s, {small.used_mb:.0f} MB of memory")
    _lower("os.nano_disk", [small.disk_mb], "MB", floor=200, goal=120)
    image = shared_image(EDITION)
    with workplace(shared_cache()) as work:
        timed("the peer's disk", partial(_peer, peer_packages(image), work))
        ours: list[Woken] = []
        peers: list[Woken] = []
        try:
            for number in range(BOOTS):
                ours.append(wake(image.path))
                stated(f"{_round('ours', number)}: {ours[-1]}")
                peers.append(wake(work / "disk.raw", image_format="raw", of_peer=True))
                stated(f"{_round('the peer', number)}: {peers[-1]}")
        finally:
            _sizes(ours)  # whatever became of the peer
    boots, beside = ([each.running_s for each in woken] for woken in (ours, peers))
    _ratios("os.boot", boots, beside, floor=0.8, goal=0.5, peer="Debian by mmdebstrap")


def _sizes(woken: list[Woken]) -> None:
    if woken:
        memory = [each.used_mb for each in woken]
        _lower("os.minimal_memory", memory, "MB", floor=121, goal=80)
        _lower("os.minimal_disk", [each.disk_mb for each in woken], "MB", floor=450, goal=300)


PARTS: dict[str, Callable[[], None]] = {
    "import": imports,
    "compose": composes,
    "rebuild": rebuilds,
    "guests": guests,
}
LIMITS_S = {"import": 900.0, "compose": 2400.0, "rebuild": 600.0, "guests": 3600.0}
"""What each part may take at most: several times what it takes on two idle processors."""


def main(asked: list[str]) -> int:
    """The parts asked for, all without any; one alone is run in this process."""
    if unknown := sorted(set(asked) - set(PARTS)):
        print(f"The system's benchmarks have no part {unknown[0]}; there are {', '.join(PARTS)}.")
        return 2
    if len(asked) == 1:
        PARTS[asked[0]]()
        return 0
    return run_parts(__name__ if __spec__ is None else __spec__.name, LIMITS_S, asked)


def _peer_s(what: str, packages: list[str], folder: Path) -> float:
    """Seconds that the peer takes without the network: what it downloaded isn't counted."""
    while True:
        before = kept_debs()
        seconds = timed(f"{what} ({len(packages)} packages)", partial(_peer, packages, folder))
        remove(folder)
        if kept_debs() == before:
            return seconds
        stated("some were downloaded: again")


def _peer(packages: list[str], folder: Path) -> None:
    root, work = folder / "root", folder / "work"
    work.mkdir(parents=True)
    make_tree(packages, root)
    make_disk(root, folder / "disk.raw", work)


def _round(what: str, number: int) -> str:
    return f"{what}, round {number + 1} of {ROUNDS}"


def _lower(name: str, samples: list[float], unit: str, *, floor: float, goal: float) -> None:
    """The median of samples of which lower ones are better."""
    value = statistics.median(samples)
    record(name, value, unit, floor=floor, goal=goal, better="lower", samples=samples)


def _ratios(
    name: str, ours: list[float], peers: list[float], *, floor: float, goal: float, peer: str
) -> None:
    """How much of the peer's time ours is, round by round."""
    ratios = [our / theirs for our, theirs in zip(ours, peers, strict=True)]
    value = statistics.median(ratios)
    record(
        name,
        value,
        _RATIO,
        floor=floor,
        goal=goal,
        better="lower",
        samples=ratios,
        peer=peer,
        peer_value=statistics.median(peers),
        ratio=1 / value,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
