"""RPM itself installs, verifies, upgrades and removes what was written."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliostat.core.process import CommandFailed
from heliostat.os.packages.rpm.file import File, FileFlag
from heliostat.os.packages.rpm.package import (
    FileTrigger,
    Package,
    Script,
    ScriptKind,
    TriggerKind,
)
from heliostat.os.packages.rpm.relation import Relation
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.rpms import BUILT, RpmRoot, signer, tiny

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="installing into a root needs root")

_CONFIG = FileFlag.CONFIG | FileFlag.NO_REPLACE


@pytest.fixture
def root(tmp_path: Path) -> RpmRoot:
    return RpmRoot(tmp_path / "root")


def _written(package: Package, tmp_path: Path) -> Path:
    return write(package, tmp_path / "packages").path


def test_an_installed_package_verifies_clean(root: RpmRoot, tmp_path: Path) -> None:
    files = (
        File.folder("/opt/a", 0o2750, mtime=BUILT),
        File.regular("/opt/a/one", b"1\n", 0o4755, mtime=BUILT),
        File("/opt/a/two", stat.S_IFREG | 0o4755, hard_link="/opt/a/one"),
        File.link("/opt/a/three", "one", mtime=BUILT),
        File.regular("/etc/a.conf", b"a\n", flags=_CONFIG, mtime=BUILT),
        File.regular("/opt/a/empty", b"", mtime=BUILT),
        File.regular("/opt/ä name", b"\xff", mtime=BUILT),
        File("/opt/a/ghost", stat.S_IFREG | 0o600, flags=FileFlag.GHOST),
    )
    root.install(_written(tiny(files=files), tmp_path))
    assert root.verify() == ""
    one, two = (root.path / "opt/a/one").stat(), (root.path / "opt/a/two").stat()
    assert one.st_ino == two.st_ino
    assert stat.S_IMODE(one.st_mode) == 0o4755
    assert one.st_mtime == BUILT
    assert stat.S_IMODE((root.path / "opt/a").stat().st_mode) == 0o2750
    (root.path / "opt/a/one").write_bytes(b"changed")
    with pytest.raises(CommandFailed) as caught:
        root.verify()
    assert "S.5" in caught.value.stdout


def test_a_file_between_two_links_of_another_stays_itself(root: RpmRoot, tmp_path: Path) -> None:
    files = (
        File.regular("/opt/a", b"shared\n", mtime=BUILT),
        File.regular("/opt/b", b"alone\n", mtime=BUILT),
        File("/opt/c", stat.S_IFREG | 0o644, hard_link="/opt/a"),
    )
    root.install(_written(tiny(files=files), tmp_path))
    assert root.verify() == ""
    assert (root.path / "opt/a").read_bytes() == b"shared\n"
    assert (root.path / "opt/a").samefile(root.path / "opt/c")


def test_capabilities_are_set(root: RpmRoot, tmp_path: Path) -> None:
    ping = File("/usr/bin/ping", stat.S_IFREG | 0o755, b"x", capabilities="cap_net_raw=ep")
    root.install(_written(tiny(files=(ping,)), tmp_path))
    raw = os.getxattr(root.path / "usr/bin/ping", "security.capability")
    assert int.from_bytes(raw[4:8], "little") == 1 << 13
    assert root.verify() == ""


def test_a_changed_configuration_survives_an_upgrade(root: RpmRoot, tmp_path: Path) -> None:
    def version(number: str, content: bytes) -> Path:
        file = File.regular("/etc/a.conf", content, flags=_CONFIG, mtime=BUILT)
        return _written(tiny(version=number, files=(file,)), tmp_path)

    root.install(version("1", b"one\n"))
    (root.path / "etc/a.conf").write_bytes(b"mine\n")
    root.install(version("2", b"two\n"))
    assert (root.path / "etc/a.conf").read_bytes() == b"mine\n"
    assert (root.path / "etc/a.conf.rpmnew").read_bytes() == b"two\n"


def test_documents_and_languages_can_be_left_out(root: RpmRoot, tmp_path: Path) -> None:
    files = (
        File.regular("/usr/share/doc/a/README", b"r", flags=FileFlag.DOC),
        File("/usr/share/locale/de/a.mo", stat.S_IFREG | 0o644, b"m", language="de"),
        File.regular("/usr/bin/a", b"a", 0o755),
    )
    options = ("--nodeps", "--nodocs", "--define", "_install_langs C")
    root.install(_written(tiny(files=files), tmp_path), options=options)
    assert (root.path / "usr/bin/a").exists()
    assert not (root.path / "usr/share/doc/a/README").exists()
    assert not (root.path / "usr/share/locale/de/a.mo").exists()


def test_an_unmet_requirement_and_a_conflict_of_files_are_refused(
    root: RpmRoot, tmp_path: Path
) -> None:
    needy = tiny("needy", requires=(Relation.parse("(missing or absent >= 2)"),))
    with pytest.raises(CommandFailed, match="missing or absent"):
        root.install(_written(needy, tmp_path), options=())
    mine = tiny("mine", files=(File.regular("/a", b"1"),))
    yours = tiny("yours", files=(File.regular("/a", b"2"),))
    with pytest.raises(CommandFailed) as caught:
        root.install(_written(mine, tmp_path), _written(yours, tmp_path))
    assert "conflicts" in caught.value.stderr


def _shell(root: RpmRoot) -> None:
    """The static shell that scripts run with inside of the root."""
    for name in ("bin/sh", "bin/sort", "bin/cat"):
        target = root.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path("/usr/bin/busybox").read_bytes())
        target.chmod(0o755)


def _trigger(word: str, paths: tuple[str, ...], priority: int, kind: TriggerKind) -> FileTrigger:
    body = f"(echo {word}; sort) >> /log"
    return FileTrigger(kind, paths, body, priority=priority)


def test_transaction_triggers_fire_once_in_the_order_of_their_priority(
    root: RpmRoot, tmp_path: Path
) -> None:
    _shell(root)
    came, gone = TriggerKind.TRANSACTION_IN, TriggerKind.TRANSACTION_POSTUN
    triggers = (
        _trigger("late", ("/usr/lib/x", "/usr/share/x"), 100, came),
        _trigger("early", ("/usr/lib/x",), 2_000_000, came),
        FileTrigger(gone, ("/usr/lib/x",), "echo gone >> /log"),
    )
    owner = tiny("owner", file_triggers=triggers)
    first = tiny("first", files=(File.regular("/usr/lib/x/1", b""),))
    second = tiny("second", files=(File.regular("/usr/lib/x/2", b""),))
    third = tiny("third", files=(File.regular("/usr/share/x/3", b""),))
    root.install(*(_written(each, tmp_path) for each in (owner, first, second, third)))
    assert (root.path / "log").read_text().split() == [
        "early",
        "/usr/lib/x/1",
        "/usr/lib/x/2",
        "late",
        "/usr/lib/x/1",
        "/usr/lib/x/2",
        "/usr/share/x/3",
    ]
    (root.path / "log").unlink()
    root.erase("first")
    assert (root.path / "log").read_text() == "gone\n"


def test_package_triggers_fire_for_each_package(root: RpmRoot, tmp_path: Path) -> None:
    _shell(root)
    trigger = FileTrigger(TriggerKind.FILE_IN, ("/usr/lib/x",), "cat >> /log")
    owner = tiny("owner", file_triggers=(trigger,))
    root.install(_written(owner, tmp_path))
    first = tiny("first", files=(File.regular("/usr/lib/x/1", b""),))
    second = tiny("second", files=(File.regular("/usr/lib/x/2", b""),))
    root.install(_written(first, tmp_path))
    assert (root.path / "log").read_text() == "/usr/lib/x/1\n"
    root.install(_written(second, tmp_path))
    assert (root.path / "log").read_text() == "/usr/lib/x/1\n/usr/lib/x/2\n"


def test_scripts_run_at_their_time(root: RpmRoot, tmp_path: Path) -> None:
    _shell(root)
    kinds = [kind for kind in ScriptKind if kind is not ScriptKind.PRETRANS]
    scripts = tuple(Script(kind, f"echo {kind} $1 >> /log") for kind in kinds)
    root.install(_written(tiny(scripts=scripts), tmp_path))
    root.erase("tiny")
    assert (root.path / "log").read_text().splitlines() == [
        "pre 1",
        "post 1",
        "posttrans 1",
        "preun 0",
        "postun 0",
    ]


def test_a_root_that_demands_signatures_takes_ours_and_no_strangers(
    root: RpmRoot, tmp_path: Path
) -> None:
    key = tmp_path / "key.asc"
    key.write_bytes(signer().public_text)
    root.path.mkdir()
    root.trust(key)
    strict = ("--nodeps", "--define", "_pkgverify_level all")
    good = write(tiny("good"), tmp_path, signer=signer()).path
    root.install(good, options=strict)
    stranger = signer("Stranger <stranger@example.invalid>")
    for bad in (
        write(tiny("unsigned"), tmp_path).path,
        write(tiny("strange"), tmp_path, signer=stranger).path,
    ):
        with pytest.raises(CommandFailed):
            root.install(bad, options=strict)
    assert root.query("%{NAME} ", "good") == "good "


_NAMES = st.lists(st.sampled_from(["a", "a-b", "a.b", "b", "B", "ä", "~"]), min_size=1, max_size=3)
_KINDS = st.tuples(
    st.sampled_from(["file", "hard", "link", "folder"]), st.binary(max_size=9), st.integers(0, 9)
)


@given(told=st.dictionaries(_NAMES.map(lambda parts: "/opt/" + "/".join(parts)), _KINDS))
@settings(max_examples=15, deadline=None)
def test_any_tree_is_installed_as_it_was_given(told: dict[str, tuple[str, bytes, int]]) -> None:
    files = _tree(told)
    with tempfile.TemporaryDirectory() as folder:
        root = RpmRoot(Path(folder) / "root")
        root.install(_written(tiny(files=files), Path(folder)))
        assert root.verify() == ""
        for file in files:
            path = root.path / file.path[1:]
            origin = root.path / (file.hard_link or file.path)[1:]
            assert path.is_symlink() == file.is_link
            if file.is_regular:
                assert path.samefile(origin)
                shared = [each for each in files if file.path in (each.path, each.hard_link)]
                assert file.hard_link or path.stat().st_nlink == len(shared)
                assert file.hard_link or path.read_bytes() == file.content


def _tree(told: dict[str, tuple[str, bytes, int]]) -> tuple[File, ...]:
    """What can be: nothing lies below a file, and hard links lead to files."""
    paths = [path for path in told if not any(other.startswith(f"{path}/") for other in told)]
    plain = sorted(path for path in paths if told[path][0] == "file")
    found = []
    for path in paths:
        kind, content, number = told[path]
        if kind == "folder":
            found.append(File.folder(path, mtime=BUILT))
        elif kind == "link":
            found.append(File.link(path, f"target{number}", mtime=BUILT))
        elif kind == "hard" and plain:
            found.append(File(path, stat.S_IFREG, hard_link=plain[number % len(plain)]))
        else:
            found.append(File.regular(path, content, mtime=BUILT))
    return tuple(found)
