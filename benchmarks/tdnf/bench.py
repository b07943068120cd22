"""tdnf beside dnf: the same questions of the same repositories about the same root.

    python -m benchmarks.tdnf.bench [2k] [60k]

Both are asked in turn, from caches that are warm; a figure is the median of the rounds'
ratios of processor time.  tdnf runs as its package has it: its own modules and the
system's Python, nothing else on the path.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.record import record
from benchmarks.tdnf import workload
from benchmarks.tdnf.measured import Run, measured

import heliostat
from heliostat.testing.tdnf_system import TdnfSystem

SIZES = {"2k": (2_000, "", 5), "60k": (60_000, "_60k", 3)}
"""Packages, the figures' suffix and rounds, by size."""
ABORTED = {"tdnf": 8, "dnf": 1}
_SYSTEM_PACKAGES = "/usr/lib/python3/dist-packages"
_PROGRAM = (
    "import sys; sys.path[:0] = {path!r};"
    "from heliostat.os.tdnf.entry import main; sys.exit(main(None, 'tdnf'))"
)
_DNF_CONF = """\
[main]
reposdir={folder}/none
cachedir={folder}/dnf-cache
persistdir={folder}/dnf-persist
logdir={folder}
plugins=0
gpgcheck=0
install_weak_deps=0
metadata_expire=-1
[base]
name=base
baseurl={url}
"""


@dataclass(frozen=True, slots=True)
class Question:
    """One workload: words for tdnf, words for dnf, and what should come out."""

    name: str
    tdnf: Sequence[str]
    dnf: Sequence[str]
    floor: float = 0.6
    goal: float = 0.35
    aborts: bool = field(default=False)


def questions(name: str, *, large: bool) -> list[Question]:
    """About one package called ``name``, which every size of repository has."""
    path, plan = f"/usr/bin/{name}", ("install", "--assumeno", name)
    query = ("repoquery", "--requires", name)
    floor, goal = (0.6, 0.35) if large else (0.35, 0.2)
    return [
        Question("list", ("list",), ("list",)),
        Question("search", ("search", "velvetness"), ("search", "velvetness")),
        Question("repoquery", query, query),
        Question("provides", ("provides", path), ("provides", path)),
        Question("install_plan", plan, plan, floor, goal, aborts=True),
    ]


class Scene:
    """One repository, one root with a small system in it, and both programs for it."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        repository = folder / "repository"
        workload.make(repository, count)
        self.system = TdnfSystem(folder / "system")
        # the same question for both: see dnf's settings
        self.system.configure(install_weak_deps=0)
        url = repository.as_uri()
        keys = {"name": "base", "baseurl": url, "enabled": 1, "gpgcheck": 0}
        lines = [f"{key}={value}" for key, value in keys.items()]
        text = "\n".join(["[base]", *lines, "metadata_expire=never"])
        (self.system.repositories / "base.repo").write_text(text)
        self.system.install_by_rpm(*workload.make_installed(folder / "past").paths.values())
        (folder / "dnf.conf").write_text(_DNF_CONF.format(folder=folder, url=url))

    def tdnf(self, *words: str, expected: int = 0) -> Run:
        source = Path(heliostat.__file__).parent.parent
        # pycurl is of the checkout's own environment where the system has none
        path = [str(source), _SYSTEM_PACKAGES, sysconfig.get_path("platlib")]
        program = _PROGRAM.format(path=path)
        argv = ["/usr/bin/python3", "-EsS", "-c", program, *self.system.options, *words]
        return measured(argv, self.system.environment, expected)

    def dnf(self, *words: str, expected: int = 0) -> Run:
        root = str(self.system.root)
        argv = ["dnf", "-q", "-c", str(self.folder / "dnf.conf"), "--installroot", root]
        argv += ["--releasever=1", "--forcearch=x86_64", *words]
        return measured(argv, self.system.environment, expected)

    def forget(self) -> None:
        """No metadata is kept any more, on either side."""
        shutil.rmtree(self.system.root / "var/cache/tdnf")
        # dnf takes the folder of its caches for one inside of the root
        shutil.rmtree(f"{self.system.root}{self.folder}/dnf-cache")


@contextmanager
def scene(count: int) -> Iterator[Scene]:
    with TemporaryDirectory(prefix="tdnf-bench-") as name:
        made = Scene(Path(name), count)
        print(f"  {count:,} packages are made", flush=True)
        yield made


def compare(here: Scene, suffix: str, rounds: int) -> None:
    """Every question, ours and dnf's in turn."""
    here.tdnf("makecache")
    here.dnf("makecache")
    for each in questions(workload.WANTED, large=bool(suffix)):
        codes = ABORTED if each.aborts else {"tdnf": 0, "dnf": 0}
        ours, peers = [], []
        for number in range(rounds + 1):
            our = here.tdnf(*each.tdnf, expected=codes["tdnf"])
            peer = here.dnf("-C", *each.dnf, expected=codes["dnf"])
            if number:  # the first round warms both
                ours.append(our.cpu_s)
                peers.append(peer.cpu_s)
        _ratios(f"tdnf.{each.name}{suffix}", ours, peers, each.floor, each.goal)


def memory(here: Scene) -> None:
    """``tdnf.memory``."""
    words = ("install", "--assumeno", workload.WANTED)
    samples = [here.tdnf(*words, expected=ABORTED["tdnf"]).peak_mb for _ in range(3)]
    value = statistics.median(samples)
    peer = here.dnf("-C", *words, expected=ABORTED["dnf"]).peak_mb
    record(
        "tdnf.memory",
        value,
        "MB",
        floor=60,
        goal=35,
        better="lower",
        samples=samples,
        peer="dnf",
        peer_value=peer,
    )


def cold(here: Scene, suffix: str) -> None:
    """``tdnf.makecache_60k``: from nothing to caches that can be asked."""
    ours, peers = [], []
    for _ in range(3):
        here.forget()
        ours.append(here.tdnf("makecache").cpu_s)
        peers.append(here.dnf("makecache").cpu_s)
    _ratios(f"tdnf.makecache{suffix}", ours, peers, 1.0, 0.5)


def _ratios(name: str, ours: list[float], peers: list[float], floor: float, goal: float) -> None:
    ratios = [our / peer for our, peer in zip(ours, peers, strict=True)]
    value = statistics.median(ratios)
    our_ms, peer_ms = (round(statistics.median(each) * 1000) for each in (ours, peers))
    print(f"  {name}: {our_ms} ms of the processor, dnf {peer_ms} ms", flush=True)
    record(
        name,
        value,
        "of dnf",
        floor=floor,
        goal=goal,
        better="lower",
        samples=ratios,
        peer="dnf",
        peer_value=statistics.median(peers),
        ratio=1 / value,
    )


def main(asked: list[str]) -> int:
    if unknown := sorted(set(asked) - set(SIZES)):
        print(f"There is no size {unknown[0]}; there are {', '.join(SIZES)}.")
        return 2
    if shutil.which("dnf") is None:
        print("dnf is not installed, and it is what tdnf is measured beside.")
        return 1
    for size in asked or SIZES:
        count, suffix, rounds = SIZES[size]
        with scene(count) as here:
            compare(here, suffix, rounds)
            memory(here) if size == "2k" else cold(here, suffix)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
