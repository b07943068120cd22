"""Composing: equal trees from equal packages, all or nothing, refusals with their reason."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.image.workspace import mounts_below
from heliostat.os.inventory.subject import opened
from heliostat.os.inventory.why import why
from heliostat.os.monitor import SilentMonitor
from heliostat.os.packages.rpm.file import File, FileFlag
from heliostat.os.packages.rpm.package import FileTrigger, TriggerKind
from heliostat.os.packages.rpm.relation import Relation
from heliostat.os.packages.rpm.writer import write
from heliostat.os.solve import PackageFolder
from heliostat.os.tree import Tree, compose, fingerprint
from heliostat.os.tree.edition import Edition
from heliostat.testing.rpms import BUILT, signer, tiny
from heliostat.testing.small_disk import small_disk
from heliostat.testing.tiny_system import TinySystem, tiny_system

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="composing a tree needs root")


@pytest.fixture
def system(tmp_path: Path) -> TinySystem:
    return tiny_system(tmp_path / "system")


def composed(system: TinySystem, root: Path, edition: Edition | None = None, **more: Any) -> Tree:
    sources = (PackageFolder("packages", system.packages),)
    return compose(edition or system.edition(), sources, root, SilentMonitor(), **more)


def refusal(system: TinySystem, root: Path, **changes: Any) -> HeliostatError:
    """Of an edition; nothing may be left of the attempt."""
    with pytest.raises(HeliostatError) as caught:
        composed(system, root, system.edition(**changes))
    assert not root.exists()
    assert not list(root.parent.glob(f".{root.name}*"))
    return caught.value


def lua(body: str, path: str = "/usr/bin") -> FileTrigger:
    """A trigger that needs no shell in the tree."""
    return FileTrigger(TriggerKind.TRANSACTION_IN, (path,), body, interpreter="<lua>")


def test_a_tree_has_its_packages_its_edition_and_a_database(
    system: TinySystem, tmp_path: Path
) -> None:
    tree = composed(system, tmp_path / "root")
    assert (tree.root / "usr/bin/tool").read_text().endswith("echo 1.0\n")
    assert {each.name for each in tree.packages} == {"filesystem", "linux", "tool"}
    listed = run(
        ["rpm", "--dbpath", str(tree.root / "usr/lib/sysimage/rpm"), "-qa", "--qf", "%{NAME}\n"],
        timeout_s=60,
    ).stdout.split()
    assert sorted(listed) == ["filesystem", "heliostat-edition-small", "linux", "tool"]
    assert all(verdict.passed for verdict in tree.verdicts)


def test_equal_packages_make_equal_trees_whatever_surrounds_them(
    system: TinySystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fingerprint(composed(system, tmp_path / "one").root)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("HOME", str(tmp_path))
    before = os.umask(0o077)
    try:
        second = fingerprint(composed(system, tmp_path / "deep/down/two").root)
    finally:
        os.umask(before)
    assert first == second


def test_nothing_is_younger_than_the_packages(system: TinySystem, tmp_path: Path) -> None:
    tree = composed(system, tmp_path / "root")
    assert tree.epoch == BUILT
    newest = max(os.lstat(path).st_mtime for path in [tree.root, *tree.root.rglob("*")])
    assert newest == BUILT


def test_packages_may_be_younger_than_the_one_with_the_machine_id(
    system: TinySystem, tmp_path: Path
) -> None:
    system.put("identity", "1.0", {"/etc/machine-id": b"uninitialized\n"}, 0o444)
    write(tiny("tool", version="2.0", build_time=BUILT + 86_400), system.packages)
    edition = system.edition(packages=["filesystem", "linux", "identity", "tool"])
    tree = composed(system, tmp_path / "root", edition)
    assert tree.epoch == BUILT + 86_400
    assert (tree.root / "etc/machine-id").stat().st_mtime == BUILT


def test_the_database_is_one_whole_file_that_rpm_reads(system: TinySystem, tmp_path: Path) -> None:
    folder = composed(system, tmp_path / "root").root / "usr/lib/sysimage/rpm"
    assert [path.name for path in folder.iterdir()] == ["rpmdb.sqlite"]
    with closing(sqlite3.connect(folder / "rpmdb.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_an_edition_leaves_out_stays_out_and_is_not_missed(
    system: TinySystem, tmp_path: Path
) -> None:
    files = {"/usr/share/man/tool.1": b"man", "/usr/share/man/de/tool.1": b"man"}
    system.put("tool", "1.0", {"/usr/bin/tool": b"tool", **files})
    edition = system.edition(exclude=["/usr/share/man", "!/usr/share/man/de"])
    tree = composed(system, tmp_path / "root", edition)
    there = {path.name for path in (tree.root / "usr/share/man").iterdir()}
    assert there == {"de"}
    macros = tree.root / "usr/lib/rpm/macros.d/macros.heliostat-small"
    assert "%_netsharedpath /usr/share/man/tool.1\n" in macros.read_text()


def test_documentation_and_translations_come_only_where_they_are_wanted(
    system: TinySystem, tmp_path: Path
) -> None:
    guide = File.regular("/usr/share/doc/guide", b"guide", mtime=BUILT, flags=FileFlag.DOC)
    german = dataclasses.replace(File.regular("/usr/share/x/de", b"ja", mtime=BUILT), language="de")
    write(tiny("tool", files=(guide, german)), system.packages)
    bare = composed(system, tmp_path / "bare").root
    assert not (bare / "usr/share/doc/guide").exists()
    assert not (bare / "usr/share/x/de").exists()
    edition = system.edition(documentation=True, languages=["de"])
    rich = composed(system, tmp_path / "rich", edition).root
    assert (rich / "usr/share/doc/guide").exists()
    assert (rich / "usr/share/x/de").exists()


def test_the_edition_is_a_package_that_the_key_of_its_composer_signs(
    system: TinySystem, tmp_path: Path
) -> None:
    tree = composed(system, tmp_path / "root", signer=signer())
    form = "%|RSAHEADER?{%{RSAHEADER:pgpsig}}:{none}| %{REQUIRENAME}"
    database = ["--dbpath", str(tree.root / "usr/lib/sysimage/rpm")]
    told = run(
        ["rpm", *database, "-q", "--qf", form, "heliostat-edition-small"], timeout_s=60
    ).stdout
    assert "Key ID" in told
    with opened(tree.root) as looked_into:
        (owner,) = why(looked_into, "heliostat-edition-small", signer().keyring).owners
    assert (owner.signer.key_id, owner.signer.verdict) == (signer().key_id, "good")


def test_what_a_killed_compose_left_goes_with_its_mounts(
    system: TinySystem, tmp_path: Path
) -> None:
    """RPM's database lies in memory meanwhile, on a mount that outlives who made it."""
    script = (
        "import sys; from pathlib import Path\n"
        "from heliostat.os.image.workspace import workspace\n"
        "from heliostat.os.tree.database import in_memory\n"
        "with workspace(Path(sys.argv[1]), '.root.composing-') as work, in_memory(work):\n"
        "    (work / 'half').write_text('x'); print(work, flush=True); sys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        left = Path(other.stdout.readline().strip())
        (tmp_path / ".root.old").mkdir()
        composed(system, tmp_path / "root")
        assert (left / "half").is_file()  # somebody is at work there
        other.kill()
    assert mounts_below(left, Path("/proc/self/mountinfo").read_text())
    composed(system, tmp_path / "other")
    assert left.is_dir()  # of another tree
    shutil.rmtree(tmp_path / "root")
    composed(system, tmp_path / "root")
    assert not left.exists()
    assert sorted(path.name for path in tmp_path.glob(".*")) == [".root.old"]


def test_a_file_that_two_packages_have_is_refused_with_both(
    system: TinySystem, tmp_path: Path
) -> None:
    system.put("other", "1.0", {"/usr/bin/tool": b"another"})
    packages = ["filesystem", "linux", "tool", "other"]
    error = refusal(system, tmp_path / "root", packages=packages)
    assert error.code == "FileConflict"
    assert error.message.startswith("/usr/bin/tool is in ")
    assert "other-1.0-1" in error.message
    assert "tool-1.0-1" in error.message


def test_a_dependency_that_nothing_meets_is_refused_with_the_chain(
    system: TinySystem, tmp_path: Path
) -> None:
    write(tiny("app", requires=(Relation.parse("nowhere >= 2"),)), system.packages)
    error = refusal(system, tmp_path / "root", packages=["filesystem", "app"])
    assert error.code == "DependencyUnmet"
    assert "app-1.0-1.noarch needs nowhere >= 2, which no package provides" in error.message


def test_a_damaged_package_is_refused(system: TinySystem, tmp_path: Path) -> None:
    path = next(system.packages.glob("tool-*.rpm"))
    data = bytearray(path.read_bytes())
    data[-20] ^= 0xFF
    path.write_bytes(data)
    assert refusal(system, tmp_path / "root").code == "ComposeFailed"


def test_a_trigger_that_fails_closes_a_gate_though_rpm_is_content(
    system: TinySystem, tmp_path: Path
) -> None:
    write(tiny("tool", file_triggers=(lua("error('no dictionary')"),)), system.packages)
    system.put("other", "1.0", {"/usr/bin/other": b"other"})
    error = refusal(system, tmp_path / "root", packages=["filesystem", "linux", "tool", "other"])
    assert error.code == "GateClosed"
    assert "quiet: " in error.message
    assert any("no dictionary" in line for line in error.data["gates"]["quiet"])


def test_a_folder_that_is_not_empty_is_left_alone(system: TinySystem, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/mine").touch()
    with pytest.raises(HeliostatError) as caught:
        composed(system, tmp_path / "root")
    assert caught.value.code == "FolderNotEmpty"
    assert (tmp_path / "root/mine").exists()


def test_a_full_disk_is_told_and_leaves_nothing(system: TinySystem, tmp_path: Path) -> None:
    system.put("big", "1.0", {"/usr/share/big": os.urandom(24 << 20)})
    with small_disk(tmp_path / "disk", 16) as disk:
        error = refusal(system, disk / "root", packages=["filesystem", "linux", "tool", "big"])
        assert error.code == "DiskFull"
