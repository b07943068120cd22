"""The operating system: how long packages and images take, and what a guest takes when it runs.

    python -m benchmarks.os.bench [import] [compose] [guests]

``import`` starts from downloaded packages and ends with a signed, published repository;
``compose`` from that repository with an image; ``rebuild`` is the same after one package has
changed.  Their peer is mmdebstrap with the same packages, from kept downloads too, and mke2fs.
Guests are emulated, one after another, ours and the peer's in turn with the same options.
Needs root, as building images does.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.os.peer import make_disk, make_tree, peer_packages
from benchmarks.os.site import Site, shared_cache, shared_image, site
from benchmarks.os.waking import wake
from benchmarks.record import record

EDITION = "minimal"
ROUNDS = 3
BOOTS = 3


def main(asked: list[str]) -> None:
    wanted = asked or ["import", "compose", "guests"]
    with site() as here:
        if "import" in wanted:
            _imports(here)
        if "compose" in wanted:
            _composes(here)
    if "guests" in wanted:
        _guests()


def _imports(here: Site) -> None:
    here.publish(EDITION)  # downloads what is missing
    samples = []
    for _ in range(ROUNDS):
        here.forget_what_was_imported()
        samples.append(_timed(partial(here.publish, EDITION)))
    _lower("os.import", samples, "s", floor=120, goal=40)


def _composes(here: Site) -> None:
    here.publish(EDITION)
    image = here.build(EDITION)
    packages = peer_packages(image)
    with TemporaryDirectory(prefix="peer-", dir=shared_cache()) as name:
        make_tree(packages, Path(name) / "first")  # downloads what is missing
        ours: list[float] = []
        peers: list[float] = []
        for number in range(ROUNDS):
            here.forget_stages()
            ours.append(_timed(partial(here.build, EDITION)))
            peers.append(_timed(partial(_peer, packages, Path(name) / f"{number}")))
        rebuilt = [_timed(partial(_rebuild, here, number)) for number in range(ROUNDS)]
    _lower("os.compose", ours, "s", floor=60, goal=25)
    _lower("os.rebuild", rebuilt, "s", floor=30, goal=8)
    ratios = [our / peer for our, peer in zip(ours, peers, strict=True)]
    _ratio("os.compose_peer", ratios, peers, floor=1.0, goal=0.5, peer="mmdebstrap and mke2fs")


def _peer(packages: list[str], folder: Path) -> None:
    root, work = folder / "root", folder / "work"
    work.mkdir(parents=True)
    make_tree(packages, root)
    make_disk(root, folder / "disk.raw", work)


def _rebuild(here: Site, number: int) -> None:
    here.change_a_package(number + 1)
    here.build(EDITION)


def _guests() -> None:
    image, nano = shared_image(EDITION), shared_image("nano")
    with TemporaryDirectory(prefix="peer-", dir=shared_cache()) as name:
        _peer(peer_packages(image), Path(name))
        raw = Path(name) / "disk.raw"
        ours, peers = [], []
        for _ in range(BOOTS):
            ours.append(wake(image.path))
            peers.append(wake(raw, image_format="raw"))
    small = wake(nano.path, seeded=False)
    memory = [each.used_mb for each in ours]
    _lower("os.minimal_memory", memory, "MB", floor=121, goal=80)
    _lower("os.minimal_disk", [each.disk_mb for each in ours], "MB", floor=450, goal=300)
    _lower("os.nano_disk", [small.disk_mb], "MB", floor=200, goal=120)
    ratios = [our.running_s / peer.running_s for our, peer in zip(ours, peers, strict=True)]
    beside = [each.running_s for each in peers]
    _ratio("os.boot", ratios, beside, floor=0.8, goal=0.5, peer="Debian by mmdebstrap")
    print(f"  ours {_told([each.running_s for each in ours])} s, Debian {_told(beside)} s")
    print(f"  nano: {small.running_s:.1f} s, {small.used_mb:.0f} MB of memory")


def _timed(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def _lower(name: str, samples: list[float], unit: str, *, floor: float, goal: float) -> None:
    """The median of samples of which lower ones are better."""
    value = statistics.median(samples)
    record(name, value, unit, floor=floor, goal=goal, better="lower", samples=samples)


def _ratio(
    name: str, ratios: list[float], peers: list[float], *, floor: float, goal: float, peer: str
) -> None:
    """How much of the peer's time ours is, round by round."""
    value = statistics.median(ratios)
    record(
        name,
        value,
        "of the peer",
        floor=floor,
        goal=goal,
        better="lower",
        samples=ratios,
        peer=peer,
        peer_value=statistics.median(peers),
        ratio=1 / value,
    )


def _told(samples: list[float]) -> str:
    return ", ".join(f"{each:.1f}" for each in samples)


if __name__ == "__main__":
    main(sys.argv[1:])
