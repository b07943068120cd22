"""Datastores of a host: identity, what lies where, and what happens when one is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from heliostat.agent.datastores import MARKER, Datastores
from heliostat.agent.desired import DesiredState
from heliostat.agent.hypervisors.simulated import SimulatedHost, SimulatedHypervisor
from heliostat.agent.report import ReportBook
from heliostat.agent.settings import DatastoreSettings
from heliostat.agent.stores import DiskKeeper
from heliostat.agentlink.messages import DesiredDisk, HostFacts, Wanted
from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError
from heliostat.core.units import GIB
from heliostat.testing.hosts import some_facts


def opened(home: Path, *settings: DatastoreSettings) -> Datastores:
    home.mkdir(exist_ok=True)
    return Datastores.open(home, settings)


def told(found: Datastores, images: dict[str, list[str]] | None = None) -> HostFacts:
    return found.told(some_facts(disk_gib=100), images or {}, lambda _root: (20, 10))


def folder(path: Path) -> Path:
    path.mkdir()
    return path


HOME = DatastoreSettings(name="local", type="EXT3")


def test_without_settings_the_home_is_the_only_one(tmp_path: Path) -> None:
    found = opened(tmp_path / "home")
    (place,) = found
    assert (place.name, place.root, place.offered) == ("local", tmp_path / "home", True)
    assert found.find("") is found.find(place.id) is found.home
    (fact,) = told(found, {place.id: ["b", "a"]}).datastores
    assert fact.available
    assert fact.images == ("a", "b")
    assert (fact.total_bytes, fact.free_bytes) == (100 * GIB, 100 * GIB)


def test_the_id_lies_in_the_folder_and_stays(tmp_path: Path) -> None:
    ssd = DatastoreSettings(name="ssd", path=folder(tmp_path / "ssd"))
    first = [place.id for place in opened(tmp_path / "home", HOME, ssd)]
    again = [place.id for place in opened(tmp_path / "home", HOME, ssd)]
    assert first == again
    assert len(set(first)) == 2


def test_a_shared_folder_is_one_and_two_of_a_name_are_two(tmp_path: Path) -> None:
    shared = DatastoreSettings(name="nfs", path=folder(tmp_path / "shared"))
    one = opened(tmp_path / "one", HOME, shared)
    two = opened(tmp_path / "two", HOME, shared)
    assert [each.name for each in one] == [each.name for each in two]
    (mine, ours), (yours, ours_too) = [each.id for each in one], [each.id for each in two]
    assert ours == ours_too
    assert mine != yours


def test_a_folder_that_lost_its_mark_is_not_mounted(tmp_path: Path) -> None:
    root = folder(tmp_path / "ssd")
    ssd = DatastoreSettings(name="ssd", path=root)
    before = opened(tmp_path / "home", HOME, ssd)
    (_, place) = before
    (root / MARKER).rename(root / "elsewhere")
    for found in (before, opened(tmp_path / "home", HOME, ssd)):
        assert [each.name for each in found] == ["local"]
        with pytest.raises(TemporaryError, match="ssd"):
            found.find(place.id)
        assert not told(found).datastores[1].available
        assert not (root / MARKER).exists(), "nothing is written into what is not mounted"
    (root / "elsewhere").rename(root / MARKER)
    assert before.find(place.id).root == root, "back without a restart"


def test_a_home_that_lost_its_mark_is_still_the_home(tmp_path: Path) -> None:
    before = opened(tmp_path / "home", HOME)
    (tmp_path / "home" / MARKER).unlink()
    assert before.find("") is before.home
    assert [each.available for each in told(before).datastores] == [True]
    assert opened(tmp_path / "home", HOME).home.id == before.home.id


def test_a_folder_that_never_was_there_is_left_out(tmp_path: Path) -> None:
    absent = DatastoreSettings(name="ssd", path=tmp_path / "absent")
    assert [each.name for each in opened(tmp_path / "home", HOME, absent)] == ["local"]
    assert not (tmp_path / "absent").exists()


def test_a_home_that_is_not_listed_keeps_what_it_has_and_is_offered_no_more(
    tmp_path: Path,
) -> None:
    (home,) = opened(tmp_path / "home")
    found = opened(tmp_path / "home", DatastoreSettings(name="ssd", path=folder(tmp_path / "ssd")))
    assert found.find("") is found.find(home.id) is found.home
    assert [each.available for each in told(found).datastores] == [True, False]


def test_unknown_datastores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="HostDatastoreNotFound"):
        opened(tmp_path / "home").find("somebody's")


def test_disks_are_found_wherever_they_lie(tmp_path: Path) -> None:
    found = opened(tmp_path / "home", HOME, DatastoreSettings("ssd", folder(tmp_path / "ssd")))
    for place, disk_id in zip(found, ("one", "two"), strict=True):
        place.disk(disk_id).write_bytes(b"")
    assert found.disk_ids() == {"one", "two"}
    assert found.disk("two") == tmp_path / "ssd/disks/two.qcow2"
    assert found.disk("three") is None


def test_folders_of_one_file_system_count_once(tmp_path: Path) -> None:
    found = opened(tmp_path / "home", HOME, DatastoreSettings("ssd", folder(tmp_path / "ssd")))
    facts = told(found)
    assert facts.disk_total_bytes == 100 * GIB
    assert [each.total_bytes for each in facts.datastores] == [100 * GIB, 20]


def test_drafts_are_swept_once_nobody_can_be_writing_them(tmp_path: Path) -> None:
    found = opened(tmp_path / "home", HOME, DatastoreSettings("ssd", folder(tmp_path / "ssd")))
    (home, ssd) = found
    (ssd.vms / "v1").mkdir()
    drafts = [
        ssd.disks / ".d1.qcow2.1234.part",
        ssd.vms / "v1" / ".boot-b.qcow2.1234.part",
        ssd.images / f"digest.{home.id}.part",
    ]
    others = [ssd.images / "digest.of-another-host.part", ssd.disks / "d1.qcow2"]
    for path in (*drafts, *others):
        path.write_bytes(b"")
    now_s = drafts[0].stat().st_mtime
    found.sweep(now_s + 3600)
    assert all(path.exists() for path in drafts)
    found.sweep(now_s + 2 * 86_400)
    assert not any(path.exists() for path in drafts)
    assert all(path.exists() for path in others)


@pytest.mark.parametrize(
    "settings",
    [
        [HOME, DatastoreSettings("local", Path("/x"))],
        [HOME, DatastoreSettings("other")],
        [DatastoreSettings("")],
        [DatastoreSettings("odd", type="FAT")],
    ],
)
def test_bad_settings(tmp_path: Path, settings: list[DatastoreSettings]) -> None:
    with pytest.raises(HeliostatError, match="InvalidSetting"):
        opened(tmp_path / "home", *settings)


def test_a_datastore_that_fails_does_not_keep_the_agent_from_starting(tmp_path: Path) -> None:
    found = opened(tmp_path / "home", HOME, DatastoreSettings("ssd", folder(tmp_path / "ssd")))
    (_, ssd) = found
    ssd.vms.rmdir()
    found.sweep(0.0)


def test_a_copied_datastore_is_refused(tmp_path: Path) -> None:
    ssd = DatastoreSettings("ssd", folder(tmp_path / "ssd"))
    opened(tmp_path / "home", HOME, ssd)
    shutil.copytree(tmp_path / "ssd", tmp_path / "copy")
    copied = DatastoreSettings("copy", tmp_path / "copy")
    with pytest.raises(PermanentError, match="same mark"):
        opened(tmp_path / "home", HOME, ssd, copied)
    (tmp_path / "copy" / MARKER).unlink()
    assert len(list(opened(tmp_path / "home", HOME, ssd, copied))) == 3


async def test_a_disk_that_was_out_of_sight_for_a_moment_is_not_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = folder(tmp_path / "nfs")
    found = opened(tmp_path / "home", HOME, DatastoreSettings("nfs", root))
    (_, nfs) = found
    nfs.disk("d1").write_bytes(b"what a guest wrote")
    desired = DesiredState(tmp_path / "desired.json")
    wanted = DesiredDisk(id="d1", revision=1, capacity_bytes=1, datastore=nfs.id)
    desired.apply(Wanted(item=wanted))
    keeper = DiskKeeper(found, desired, SimulatedHypervisor(SimulatedHost()), ReportBook())
    monkeypatch.setattr(
        found, "disk", lambda _disk_id: None
    )  # its mark could not be read just then
    assert not await keeper.pass_over(lambda _disk_id: "")
    assert nfs.disk("d1").read_bytes() == b"what a guest wrote"
