"""Killed or out of space at any step: clients see the old state or the new one, never half."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.advisory import Advisory, AdvisoryKind
from heliostat.os.repo.history import gc, rollback
from heliostat.os.repo.publish import publish
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.settings import Settings
from heliostat.os.repo.staging import add, remove
from heliostat.os.repo.verify import verify
from heliostat.testing.doomed import Doom, Fate, every, in_process_of_its_own
from heliostat.testing.packages import published_records, small_package, written

Act = Callable[[Repository], object]


@pytest.fixture
def repository() -> Iterator[Repository]:
    """In memory, where forcing hundreds of writes to the disk takes no time."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Repository.create(Path(folder) / "base", Settings(name="base"))


@pytest.fixture
def published(
    repository: Repository, trust: Trust, signer: Signer, cache_dir: Path, tmp_path: Path
) -> Repository:
    """Generation 1 with alpha 1.0 and beta; alpha 2.0 and gamma wait in ``tmp_path/new``."""
    old = [small_package("alpha"), small_package("beta")]
    add(repository, [written(each, tmp_path / "old") for each in old], trust, cache_dir)
    publish(repository, signer, cache_dir)
    for each in (small_package("alpha", "2.0"), small_package("gamma")):
        written(each, tmp_path / "new")
    return repository


def _seen(repository: Repository) -> list[str]:
    """What a client sees, after checking that it sees something whole."""
    return sorted(each.nevra for each in published_records(repository.root))


_PATIENCE_S = 120.0
OLD = ["alpha-1.0-1.x86_64", "beta-1.0-1.x86_64"]
NEW = ["alpha-2.0-1.x86_64", "gamma-1.0-1.x86_64"]


def _story(trust: Trust, signer: Signer, cache_dir: Path, folder: Path) -> Act:
    """Add, remove, issue an advisory, publish, sweep: everything that writes."""

    def act(repository: Repository) -> None:
        with repository.claimed():
            if not repository.journal.count():
                repository.journal.append([_advisory()])
        add(repository, sorted(folder.glob("*.rpm")), trust, cache_dir)
        if any(each.name == "beta" for each in repository.staged().packages):
            remove(repository, ["beta"])
        publish(repository, signer, cache_dir)
        gc(repository)

    return act


# a step that hangs tells where, after 120 s: before that the test must not be ended
@pytest.mark.timeout(400)
@pytest.mark.parametrize("doom", list(Doom))
def test_every_step_leaves_the_old_state_or_the_new(
    doom: Doom,
    published: Repository,
    trust: Trust,
    signer: Signer,
    cache_dir: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if in_process_of_its_own(request):
        return
    act = _story(trust, signer, cache_dir, tmp_path / "new")
    pristine = tmp_path / "pristine"
    shutil.copytree(published.root, pristine, symlinks=True)
    fates = []
    for number, fate in every(doom, published.root, lambda: act(published)):
        fates.append(fate)
        seen = _seen(published)
        assert seen in (OLD, NEW), f"half a state at change {number}"
        assert verify(published, trust) == [], f"faults at change {number}"
        if number % 5 == 0 or fate is Fate.LIVED:
            act(published)  # what was interrupted can be done again
            assert _seen(published) == NEW
            assert verify(published, trust) == []
            assert not gc(published, plan_only=True).paths
        shutil.rmtree(published.root)
        shutil.copytree(pristine, published.root, symlinks=True)
    assert fates[-1] is Fate.LIVED
    assert len(fates) > 20


def test_going_back_is_one_step(
    published: Repository,
    trust: Trust,
    signer: Signer,
    cache_dir: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if in_process_of_its_own(request):
        return
    _story(trust, signer, cache_dir, tmp_path / "new")(published)
    for _, fate in every(Doom.DEATH, published.root, lambda: rollback(published)):
        assert verify(published, trust) == []
        assert _seen(published) == (OLD if fate is Fate.LIVED else NEW)


def test_of_two_publishers_one_waits_and_says_so(
    published: Repository, trust: Trust, signer: Signer, cache_dir: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    waits = threading.Event()

    class Listener:
        def progress(self, text: str) -> None:
            told.append(text)
            waits.set()

    add(published, sorted((tmp_path / "new").glob("*.rpm")), trust, cache_dir)
    second = threading.Thread(
        target=lambda: publish(published, signer, cache_dir, monitor=Listener()),  # type: ignore[arg-type]
        daemon=True,
    )
    with published.claimed():
        second.start()
        assert waits.wait(_PATIENCE_S)
        assert published.number() == 1
    second.join(_PATIENCE_S)
    assert not second.is_alive()
    assert published.number() == 2
    assert "waiting" in told[0]


def _advisory() -> Advisory:
    return Advisory(
        id="HSA-2026-0001",
        kind=AdvisoryKind.SECURITY,
        title="alpha",
        description="Fixed.",
        issued=0,
        updated=0,
    )
