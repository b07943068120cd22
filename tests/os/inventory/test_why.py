"""Why is this file here?"""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import tarfile
from contextlib import closing, suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliostat.cli.main import run as helio
from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.carrier.container import ContainerFiles
from heliostat.os.image.built import ImageFile, ImageRecord
from heliostat.os.inventory.document import document
from heliostat.os.inventory.installed import DATABASES, installed
from heliostat.os.inventory.subject import opened
from heliostat.os.inventory.system import System
from heliostat.os.inventory.why import State, signer_of, why
from heliostat.os.packages.openpgp.certificate import Keyring
from heliostat.testing.rpms import signer
from heliostat.testing.systems import base, library, program, system

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="installing into a root needs root")

_DATABASE = Path(DATABASES[0]) / "rpmdb.sqlite"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only."""
    return system(tmp_path_factory.mktemp("why") / "root", base(), library(), program())


def test_a_file_names_package_source_digest_signer_and_who_wanted_it(tree: Path) -> None:
    answer = why(System.read(tree), "/usr/lib/libgreet.so.1", signer().keyring)
    (owner,) = answer.owners
    assert owner.package == "libgreet1-1.0-1.x86_64"
    assert owner.source == "greet-1.0-1"
    assert owner.licence == "GPL-2.0-or-later AND Unheard-of"
    assert owner.state is State.AS_PACKAGED
    assert owner.file_digest == ("d0ff5974b6aa52cf562bea5921840c032a860a91a3512f7fe8f768f6bbe005f6")
    assert (owner.signer.key_id, owner.signer.verdict) == (signer().key_id, "good")
    assert owner.required_by == ("greet",)
    assert owner.chain == ("greet", "libgreet1")


def test_a_package_is_asked_by_its_name(tree: Path) -> None:
    (owner,) = why(System.read(tree), "libgreet1", signer().keyring).owners
    assert (owner.kind, owner.package) == ("package", "libgreet1-1.0-1.x86_64")
    assert owner.chain == ("greet", "libgreet1")


def test_links_on_the_way_are_followed(tree: Path) -> None:
    answer = why(System.read(tree), "/bin/../bin//hello", signer().keyring)
    assert (answer.resolved, answer.target) == ("/usr/bin/hello", "greet")
    assert [owner.kind for owner in answer.owners] == ["link"]


def test_the_database_agrees_with_rpm(tree: Path) -> None:
    form = "[%{=NAME} %{FILENAMES} %{FILEDIGESTS}\n]"
    asked = ["rpm", "--root", str(tree), "--dbpath", f"/{DATABASES[0]}", "-qa", "--qf", form]
    ours = [
        f"{package.name} {path} {entry.digest}"
        for package in installed(tree)
        for path, entry in package.entries.items()
    ]
    assert sorted(ours) == sorted(run(asked, timeout_s=60).stdout.splitlines())


def test_a_changed_a_missing_and_an_unwritten_file_are_told_apart(tmp_path: Path) -> None:
    tree = system(tmp_path / "root", base(), library(), program())
    (tree / "etc/greet.conf").write_text("polite=0\n")
    (tree / "usr/bin/greet").unlink()
    read = System.read(tree)
    states = {
        path: why(read, path, signer().keyring).owners[0].state
        for path in ("/etc/greet.conf", "/usr/bin/greet", "/var/lib/greeted", "/usr/bin/hello")
    }
    assert list(states.values()) == [
        State.CHANGED,
        State.MISSING,
        State.AS_PACKAGED,
        State.AS_PACKAGED,
    ]


def test_a_file_of_nobody_names_whose_folder_it_is_in(tmp_path: Path) -> None:
    tree = system(tmp_path / "root", base())
    (tree / "usr/bin/made").touch()
    answer = why(System.read(tree), "/usr/bin/made", signer().keyring)
    assert answer.owners == ()
    assert answer.beside == ("filesystem-1.0-1.noarch",)


@pytest.mark.parametrize("line", ['NAME="never ends', "NAME=it's", "NAME=\xff"])
def test_a_release_file_of_a_stranger_is_no_fault(tmp_path: Path, line: str) -> None:
    root = system(tmp_path / "root", base())
    release = root / "usr/lib/os-release"
    release.parent.mkdir(parents=True, exist_ok=True)
    release.write_bytes(f"{line}\nID=heliostat\n".encode("latin-1"))
    assert System.read(root).name == "heliostat"


def test_an_unknown_path_is_an_error(tree: Path) -> None:
    with pytest.raises(HeliostatError) as caught:
        why(System.read(tree), "/nothing", signer().keyring)
    assert caught.value.code == "PathNotFound"


def test_an_unknown_key_an_unsigned_package_and_a_forged_database_are_told_apart(
    tmp_path: Path,
) -> None:
    tree = system(tmp_path / "signed", base())
    (package,) = installed(tree)
    assert "isn't trusted" in signer_of(package, Keyring({})).verdict
    (unsigned,) = installed(system(tmp_path / "unsigned", base(), signed=False))
    assert signer_of(unsigned, signer().keyring).verdict == "none"
    with closing(sqlite3.connect(tree / _DATABASE)) as connection:
        (blob,) = connection.execute("SELECT blob FROM Packages").fetchone()
        forged = blob.replace(b"The package filesystem", b"The package filesyst3m")
        connection.execute("UPDATE Packages SET blob = ?", (forged,))
        connection.commit()
    (forged_package,) = installed(tree)
    assert "was changed" in signer_of(forged_package, signer().keyring).verdict


_DAMAGE = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damage=_DAMAGE, kept=st.sampled_from((1.0, 1.0, 0.9, 0.1, 0.01)), early=st.booleans())
def test_any_damage_of_the_database_is_read_or_told(
    tree: Path, tmp_path: Path, damage: list[tuple[float, int]], kept: float, early: bool
) -> None:
    """An image may be a stranger's, and so may what it says of itself."""
    place = tmp_path / "root" / _DATABASE
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(tree / _DATABASE, place)
    with closing(sqlite3.connect(place)) as connection:
        number, row = connection.execute("SELECT hnum, blob FROM Packages").fetchone()
        content = bytearray(row)
        for where, byte in damage:
            content[int(where * min(len(content), 600 if early else len(content)))] = byte
        content = content[: int(len(content) * kept)]
        connection.execute("UPDATE Packages SET blob = ? WHERE hnum = ?", (content, number))
        connection.commit()
    root = tmp_path / "root"
    for form in ("spdx", "cyclonedx"):
        with suppress(HeliostatError):
            document(System.read(root), form)
    with suppress(HeliostatError):
        why(System.read(root), System.read(root).packages[0].name, signer().keyring)


def test_an_image_is_asked_like_a_tree(tmp_path: Path) -> None:
    tree = system(tmp_path / "root", base(), library(), program())
    (tree / "etc/greet.conf").write_text("polite=0\n")
    (tree / "usr/lib/libgreet.so.1").unlink()
    disk, qcow2 = tmp_path / "disk.raw", tmp_path / "disk.qcow2"
    _image(tree, disk)
    run(["qemu-img", "convert", "-O", "qcow2", str(disk), str(qcow2)], timeout_s=60)
    for image in (disk, qcow2):
        with opened(image) as read:
            answer = why(read, "/bin/hello", signer().keyring)
            assert read.version == "1"
            assert answer.owners[0].package == "greet-1.0-1.x86_64"
            assert answer.owners[0].state is State.UNKNOWN  # only of files
            looked = {path: _state_of(read, path) for path in _LOOKED}
        assert looked == _LOOKED
    with opened(qcow2, complete=True) as read:
        assert why(read, "/bin/hello", signer().keyring).owners[0].state is State.AS_PACKAGED


_LOOKED = {
    "/bin/greet": State.AS_PACKAGED,
    "/etc/greet.conf": State.CHANGED,
    "/usr/lib/libgreet.so.1": State.MISSING,
    "/var/lib/greeted": State.AS_PACKAGED,
}


def _state_of(read: System, path: str) -> State:
    return why(read, path, signer().keyring).owners[0].state


def _image(tree: Path, disk: Path) -> None:
    """A GPT with a boot partition and an ext4 root."""
    with disk.open("wb") as stream:
        stream.truncate(64 << 20)
    layout = b"label: gpt\nstart=2048,size=2048\nstart=8192,size=100000\n"
    run(["sfdisk", "-q", str(disk)], timeout_s=60, stdin=layout)
    options = ["-t", "ext4", "-d", str(tree), "-E", f"offset={8192 * 512}"]
    run(["mke2fs", "-q", *options, str(disk), "50000k"], timeout_s=60)


def test_what_holds_no_system_is_told(tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_bytes(b"junk" * 1000)
    codes = {tmp_path: "DatabaseMissing", junk: "NotASystem", tmp_path / "nowhere": "NotASystem"}
    for where, code in codes.items():
        with pytest.raises(HeliostatError) as caught, opened(where):
            pass
        assert caught.value.code == code


def test_the_command_answers_what_it_can_and_ends_with_the_fault(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key.asc"
    key.write_bytes(signer().public_text)
    asked = ["os", "why", "/nothing", "/usr/bin/greet", "--root", str(tree), "--key", str(key)]
    assert helio(asked) == 1
    said = capsys.readouterr()
    assert "greet-1.0-1.x86_64" in said.out
    assert f"{signer().key_id}), verified" in said.out
    assert "PathNotFound" in said.err
    assert helio([*asked[:2], *asked[3:], "-o", "json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["owners"][0]["signer"]["verdict"] == "good"


def test_archives_of_disks_and_of_containers_are_asked_too(tree: Path, tmp_path: Path) -> None:
    disk, cloud, saved = tmp_path / "disk.raw", tmp_path / "a.tar.gz", tmp_path / "image.tar"
    _image(tree, disk)
    with tarfile.open(cloud, "w:gz") as archive:
        archive.add(disk, "disk.raw")
    _save_container(tree, saved)
    for image in (cloud, saved):
        for complete in (False, True):
            with opened(image, complete=complete) as read:
                answer = why(read, "/bin/greet", signer().keyring)
                assert answer.owners[0].package == "greet-1.0-1.x86_64"
                assert answer.owners[0].state is State.AS_PACKAGED


def _save_container(tree: Path, out: Path) -> None:
    """As ``docker save`` does: two layers, of which the second takes a file away, index last."""
    layers = [out.parent / "one.tar", out.parent / "two.tar.gz"]
    with tarfile.open(layers[0], "w") as layer:
        for path in sorted(tree.iterdir()):
            layer.add(path, path.name)
        layer.addfile(tarfile.TarInfo("etc/gone"))
    with tarfile.open(layers[1], "w:gz") as layer:
        layer.addfile(tarfile.TarInfo("etc/.wh.gone"))
    index = json.dumps([{"Layers": [path.name for path in layers]}]).encode()
    with tarfile.open(out, "w") as archive:
        for path in layers:
            archive.add(path, path.name)
        member = tarfile.TarInfo("manifest.json")
        member.size = len(index)
        archive.addfile(member, io.BytesIO(index))


def test_a_layer_that_climbs_out_stays_inside(tree: Path, tmp_path: Path) -> None:
    saved, layer_path = tmp_path / "image.tar", tmp_path / "evil.tar"
    with tarfile.open(layer_path, "w") as layer:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        layer.addfile(link)
        layer.addfile(tarfile.TarInfo("out/planted"))
        layer.addfile(tarfile.TarInfo("../../planted"))
        for path in sorted(tree.iterdir()):
            layer.add(path, path.name)
    index = json.dumps([{"Layers": ["evil.tar"]}]).encode()
    with tarfile.open(saved, "w") as archive:
        archive.add(layer_path, "evil.tar")
        member = tarfile.TarInfo("manifest.json")
        member.size = len(index)
        archive.addfile(member, io.BytesIO(index))
    with opened(saved, complete=True) as read:
        assert read.root is not None
        inside = [str(path.relative_to(read.root)) for path in read.root.rglob("planted")]
        assert sorted(inside) == ["planted", f"{str(tmp_path)[1:]}/planted"]
    assert not (tmp_path / "planted").exists()


def test_a_mistyped_file_is_not_only_taken_for_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HELIO_CACHE", str(tmp_path))
    assert helio(["os", "audit", "minmal.qcow2", "-o", "json"]) != 0
    told = capsys.readouterr()
    assert "There is neither a file or folder minmal.qcow2 here nor an image" in told.out + told.err


def test_a_built_image_is_named_without_its_path(
    tree: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HELIO_CACHE", str(tmp_path))
    disk = tmp_path / "images" / f"tiny-{'0' * 16}.raw"
    disk.parent.mkdir()
    _image(tree, disk)
    file = ImageFile(name=disk.name, sha256="", size_bytes=disk.stat().st_size, ftype="raw")
    record = ImageRecord(
        name="tiny",
        identity="0" * 64,
        summary="",
        version="1",
        epoch=0,
        tree="",
        virtual_size_bytes=0,
        built_at_ms=0,
        files={"raw": file},
        packages=[],
        inputs={},
    )
    disk.with_suffix(".json").write_bytes(msgspec.json.encode(record))
    assert helio(["os", "why", "/usr/bin/greet", "--image", "tiny"]) == 0
    assert "greet-1.0-1.x86_64" in capsys.readouterr().out
    assert helio(["os", "sbom", "small"]) == 1
    assert "ImageNotFound" in capsys.readouterr().err


def test_a_hard_link_in_a_container_brings_its_file(tree: Path, tmp_path: Path) -> None:
    layer_path, saved, out = tmp_path / "layer.tar", tmp_path / "image.tar", tmp_path / "out"
    with tarfile.open(layer_path, "w") as layer:
        layer.add(tree / "usr/bin/greet", "./opt/first")
        link = tarfile.TarInfo("./opt/second")
        link.type, link.linkname = tarfile.LNKTYPE, "./opt/first"
        layer.addfile(link)
    index = json.dumps([{"Layers": ["layer.tar"]}]).encode()
    with tarfile.open(saved, "w") as archive:
        archive.add(layer_path, "layer.tar")
        member = tarfile.TarInfo("manifest.json")
        member.size = len(index)
        archive.addfile(member, io.BytesIO(index))
    ContainerFiles(saved, saved).take({"opt/second", "opt/third"}, out)
    assert (out / "opt/second").read_bytes() == b"greet\n"
