"""A system in every kind of image is looked into, with owners, modes and capabilities."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import os
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from heliostat.cli.main import run as helio
from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os import extraction
from heliostat.os.carrier import refusal
from heliostat.os.harden.capabilities import ATTRIBUTE
from heliostat.os.image.formats import gce, oci, ova, vagrant
from heliostat.os.image.formats.material import Material
from heliostat.os.image.outputs import load_output
from heliostat.os.inventory import subject
from heliostat.testing.systems import base, library, program, system

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="installing into a root needs root")

_NET_RAW = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
Pack = Callable[[Path, Path, Path], Path]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only: packages, a set-uid program of another owner, and one with a capability."""
    root = system(tmp_path_factory.mktemp("opening") / "root", base(), library(), program())
    for name, mode in (("su", 0o4755), ("ping", 0o755)):
        (root / "usr/bin" / name).write_bytes(b"\x7fELF")
        os.chown(root / "usr/bin" / name, 0, 42)
        (root / "usr/bin" / name).chmod(mode)
    os.setxattr(root / "usr/bin/ping", ATTRIBUTE, _NET_RAW)
    return root


@pytest.fixture(scope="module")
def disk(tree: Path) -> Path:
    """A GPT with an ext4 root, raw."""
    path = tree.parent / "disk.raw"
    with path.open("wb") as stream:
        stream.truncate(64 << 20)
    layout = b"label: gpt\nstart=2048,size=2048\nstart=8192,size=100000\n"
    run(["sfdisk", "-q", str(path)], timeout_s=60, stdin=layout)
    options = ["-t", "ext4", "-d", str(tree), "-E", f"offset={8192 * 512}"]
    run(["mke2fs", "-q", *options, str(path), "50000k"], timeout_s=60)
    return path


def _converted(disk: Path, out: Path, kind: str, *options: str) -> Path:
    run(["qemu-img", "convert", "-O", kind, *options, str(disk), str(out)], timeout_s=120)
    return out


def _material(tree: Path, disk: Path | None, base: Path | None, output: str) -> Material:
    """For the writers of our own formats: what we write, we can read."""
    return Material(
        name="tiny",
        summary="tiny",
        epoch=0,
        identity="0" * 64,
        tree=tree,
        disk=disk,
        base=base,
        output=load_output(output),
    )


def _ova(tree: Path, disk: Path, out: Path) -> Path:
    base = _converted(disk, out.with_suffix(".vmdk"), "vmdk", "-o", "subformat=streamOptimized")
    ova.write(_material(tree, disk, base, "ova"), out)
    return out


def _gce(tree: Path, disk: Path, out: Path) -> Path:
    gce.write(_material(tree, disk, None, "gce"), out)
    return out


def _oci(tree: Path, disk: Path, out: Path) -> Path:
    oci.write(_material(tree, disk, None, "oci"), out)
    return out


def _box(provider: str) -> Pack:
    def write(tree: Path, disk: Path, out: Path) -> Path:
        base = _converted(disk, out.with_suffix(".qcow2"), "qcow2")
        if provider == "vagrant-virtualbox":
            options = ("-o", "subformat=streamOptimized")
            base = _converted(disk, out.with_suffix(".vmdk"), "vmdk", *options)
        vagrant.write(_material(tree, disk, base, provider), out)
        return out

    return write


def _docker(tree: Path, disk: Path, out: Path) -> Path:
    """Our archive without OCI's part of it, compressed as a whole."""
    whole = _oci(tree, disk, out.with_suffix(".whole"))
    with tarfile.open(whole) as source, tarfile.open(out, "w:xz") as target:
        for member in source:
            if member.name not in ("index.json", "oci-layout"):
                target.addfile(member, source.extractfile(member))
    return out


def _oci_only(tree: Path, disk: Path, out: Path) -> Path:
    whole = _oci(tree, disk, out.with_suffix(".whole"))
    with tarfile.open(whole) as source, tarfile.open(out, "w") as target:
        for member in source:
            if member.name != "manifest.json":
                target.addfile(member, source.extractfile(member))
    return out


def _oci_folder(tree: Path, disk: Path, out: Path) -> Path:
    out.mkdir()
    whole = _oci(tree, disk, out.with_suffix(".whole"))
    run(["tar", "-C", str(out), "-xf", str(whole)], timeout_s=60)
    return out


def _root_archive(tree: Path, disk: Path, out: Path) -> Path:
    del disk
    argv = ["tar", "--xattrs", "--xattrs-include=security.capability", "-C", str(tree), "-czf"]
    run([*argv, str(out), "."], timeout_s=60)
    return out


def _packed(pack: Callable[[bytes], bytes]) -> Pack:
    def write(tree: Path, disk: Path, out: Path) -> Path:
        del tree
        out.write_bytes(pack(disk.read_bytes()))
        return out

    return write


KINDS: dict[str, Pack] = {
    "vmdk": lambda _, disk, out: _converted(disk, out, "vmdk"),
    "fixed-vhd": lambda _, disk, out: _converted(disk, out, "vpc", "-o", "subformat=fixed"),
    "vhd": lambda _, disk, out: _converted(disk, out, "vpc"),
    "vhdx": lambda _, disk, out: _converted(disk, out, "vhdx"),
    "raw.gz": _packed(gzip.compress),
    "raw.xz": _packed(lambda content: lzma.compress(content, preset=0)),
    "raw.zst": _packed(zstandard.ZstdCompressor().compress),
    "ova": _ova,
    "gce": _gce,
    "vagrant-libvirt": _box("vagrant-libvirt"),
    "vagrant-virtualbox": _box("vagrant-virtualbox"),
    "vagrant-vmware": _box("vagrant-vmware"),
    "docker": _docker,
    "oci": _oci,
    "oci-only": _oci_only,
    "oci-folder": _oci_folder,
    "root.tar.gz": _root_archive,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_is_looked_into(
    kind: str, tree: Path, disk: Path, tmp_path: Path
) -> None:
    image = KINDS[kind](tree, disk, tmp_path / "image")
    with extraction.opened(image) as found:
        su = (found.root / "usr/bin/su").stat()
        assert (su.st_mode & 0o7777, su.st_gid) == (0o4755, 42)
        assert found.capabilities == {"/usr/bin/ping": "cap_net_raw=ep"}
    with subject.opened(image) as read:
        assert {package.name for package in read.packages} == {"filesystem", "greet", "libgreet1"}


def test_the_commands_take_an_archive(
    tree: Path, disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(_ova(tree, disk, tmp_path / "image.ova"))
    asked = ["os", "audit", image, "--only", "files-set-id", "--fail-on", "never", "-o", "json"]
    assert helio(asked) == 0
    assert "/usr/bin/su" in capsys.readouterr().out
    assert helio(["os", "sbom", image, "--format", "cyclonedx"]) == 0
    assert "pkg:rpm/heliostat/greet@1.0-1" in capsys.readouterr().out
    assert helio(["os", "why", "/usr/bin/greet", "--image", image]) == 0
    assert "greet-1.0-1.x86_64" in capsys.readouterr().out


def test_the_disk_with_the_root_is_found_among_several(
    tree: Path, disk: Path, tmp_path: Path
) -> None:
    del tree
    empty, image = tmp_path / "data.vmdk", tmp_path / "image.ova"
    run(["qemu-img", "create", "-q", "-f", "vmdk", str(empty), "8M"], timeout_s=60)
    with tarfile.open(image, "w") as archive:
        archive.add(empty, "data.vmdk")
        archive.add(_converted(disk, tmp_path / "root.vmdk", "vmdk"), "root.vmdk")
    with extraction.opened(image) as found:
        assert (found.root / "usr/bin/greet").is_file()


def _layered(path: Path, *layers: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """An OCI archive of those layers, behind an index of two platforms."""
    blobs: dict[str, bytes] = {}

    def blob(content: bytes) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}", "size": len(content), "mediaType": "x"}

    described = []
    for layer in layers:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            for member, content in layer:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        described.append(blob(zstandard.ZstdCompressor().compress(stream.getvalue())))
    ours = blob(json.dumps({"layers": described}).encode())
    other = blob(json.dumps({"layers": []}).encode())
    platforms = [
        {**other, "platform": {"os": "linux", "architecture": "arm64"}},
        {**ours, "platform": {"os": "linux", "architecture": "amd64"}},
    ]
    index = blob(json.dumps({"manifests": platforms}).encode())
    blobs["oci-layout"] = b"{}"
    blobs["index.json"] = json.dumps({"manifests": [index]}).encode()
    with tarfile.open(path, "w") as archive:
        for name, content in blobs.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def _file(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def test_layers_of_our_platform_lie_over_each_other(tmp_path: Path) -> None:
    above = [_file("usr/bin/a", b"new"), _file("usr/.wh.b", b"")]
    image = _layered(tmp_path / "i", [_file("usr/bin/a"), _file("usr/b")], above)
    with extraction.opened(image) as found:
        assert (found.root / "usr/bin/a").read_bytes() == b"new"
        assert not (found.root / "usr/b").exists()


def _why(image: Path) -> str:
    with pytest.raises(HeliostatError) as caught, extraction.opened(image):
        pass
    assert caught.value.code == "NotASystem"
    return caught.value.message


def test_a_digest_is_no_path(tmp_path: Path) -> None:
    folder = tmp_path / "layout"
    folder.mkdir()
    (folder / "oci-layout").write_text("{}")
    for digest in ("sha256:../../../etc/passwd", "/etc/passwd", 7):
        (folder / "index.json").write_text(json.dumps({"manifests": [{"digest": digest}]}))
        assert "no container image that can be read" in _why(folder)


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = _layered(tmp_path / "bomb", [_file("usr/bin/zeros", bytes(4 << 20))])
    packed = tmp_path / "packed.raw.gz"
    packed.write_bytes(gzip.compress(bytes(4 << 20)))
    monkeypatch.setattr(refusal, "MOST_BYTES", 1 << 20)
    assert "unpacks to more than" in _why(bomb)
    assert "unpacks to more than 1 MiB" in _why(packed)


def test_a_sparse_member_may_not_claim_more_than_there_is_room_for(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del tree
    hole, image = tmp_path / "usr-hole", tmp_path / "image.tar"
    with hole.open("wb") as stream:
        stream.truncate(4 << 20)
    name = "s,.*,usr/hole,"
    argv = ["tar", "--sparse", "--format=gnu", f"--transform={name}", "-C", str(tmp_path)]
    run([*argv, "-cf", str(image), hole.name], timeout_s=60)
    monkeypatch.setattr(refusal, "MOST_BYTES", 1 << 20)
    assert "more than there is room for" in _why(image)


def test_folders_without_end_are_refused(tmp_path: Path) -> None:
    """Whoever walks a tree calls itself for each, and so does who removes it."""
    deep = _layered(tmp_path / "deep", [_file("usr/" + "a/" * 1500 + "file", b"")])
    assert "more than 200 deep" in _why(deep)
    linked = tarfile.TarInfo("usr/link")
    linked.type, linked.linkname = tarfile.SYMTYPE, "a/" * 150
    through = [
        _file("usr/" + "a/" * 150 + "x", b""),
        (linked, b""),
        _file("usr/link/" + "b/" * 60 + "x", b""),
    ]
    assert "more than 200 deep" in _why(_layered(tmp_path / "through", through))


@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8b\x08broken", b"x" * 257 + b"ustar" + b"y" * 400]
)
def test_what_is_damaged_is_told(tmp_path: Path, content: bytes) -> None:
    image = tmp_path / "image"
    image.write_bytes(content)
    assert "can't be looked into" in _why(image)


def test_half_a_tree_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    """Behind a damaged header Python's own reader sees the archive's end."""
    image = tmp_path / "image.tar"
    with tarfile.open(image, "w") as archive:
        for name in ("usr/first", "usr/second"):
            archive.addfile(tarfile.TarInfo(name))
    content = bytearray(image.read_bytes())
    content[512 + 148] ^= 1
    image.write_bytes(content)
    assert "damaged" in _why(image)
