"""Every format, read by programs nobody here wrote, and the same bytes each time."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import struct
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from heliostat.core.process import run
from heliostat.core.units import MIB
from heliostat.os.image import cpio, sparse
from heliostat.os.image.formats import WRITERS, Material
from heliostat.os.image.formats.gzipped import gzip_file
from heliostat.os.image.formats.vagrant import with_content_id
from heliostat.os.image.outputs import Output, load_output, output_names

EPOCH = 1_767_225_600


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk of 160 MiB with data here and there, some of it in the last sector."""
    path = tmp_path_factory.mktemp("disk") / "disk.raw"
    noise = random.Random(7)
    with path.open("wb") as stream:
        stream.truncate(160 * MIB)
        for place in (0, 3 * MIB, 40 * MIB + 4096, 99 * MIB, 160 * MIB - 512):
            stream.seek(place)
            stream.write(noise.randbytes(512 if place > 100 * MIB else 300_000))
        for hole in range(30):  # more stretches than fit into one header of an archive
            stream.seek(110 * MIB + hole * MIB)
            stream.write(b"text " * 1000)
    return path


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for folder in ("boot", "dev", "etc", "proc", "usr/bin", "usr/lib/modules/6.12"):
        (root / folder).mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    shutil.copy("/bin/busybox", root / "usr/bin/busybox")
    (root / "usr/bin/sh").symlink_to("busybox")
    os.link(root / "usr/bin/busybox", root / "usr/bin/twin")
    (root / "boot/vmlinuz-6.12").write_bytes(b"kernel")
    (root / "etc/name").write_text("heliostat")
    for parent, folders, files in os.walk(root):
        for name in (*folders, *files):
            os.utime(os.path.join(parent, name), (EPOCH, EPOCH), follow_symlinks=False)
    return root


def material(name: str, disk: Path, tree: Path, base: Path | None = None) -> Material:
    return Material(
        name="small",
        summary="A small <system> & more",
        epoch=EPOCH,
        identity=hashlib.sha256(b"small").hexdigest(),
        tree=tree,
        disk=disk,
        base=base,
        output=load_output(name),
        options=("quiet", "rootwait"),
    )


def written(name: str, disk: Path, tree: Path, folder: Path) -> Path:
    """The format's file, made twice and compared."""
    output = load_output(name)
    base = written(output.base, disk, tree, folder) if output.base else None
    made = []
    for number in (1, 2):
        (folder / str(number)).mkdir(exist_ok=True)
        out = folder / str(number) / f"image{output.suffix}"
        out.unlink(missing_ok=True)
        WRITERS[output.kind](material(name, disk, tree, base), out)
        made.append(out)
    assert sparse.sha256(made[0]) == sparse.sha256(made[1])
    return made[0]


def unpack(archive: Path, into: Path) -> None:
    run(["tar", "-xf", str(archive), "-C", str(into)], timeout_s=60)


def same_disk(disk: Path, other: Path, kind: str) -> None:
    run(["qemu-img", "compare", "-f", "raw", "-F", kind, str(disk), str(other)], timeout_s=60)


def test_every_format_reads_its_file() -> None:
    names = output_names()
    assert len(names) >= 12
    assert all(isinstance(load_output(name), Output) for name in names)
    assert len({load_output(name).suffix for name in names}) == len(names)


@pytest.mark.parametrize(("name", "kind"), [("qcow2", "qcow2"), ("vmdk", "vmdk"), ("raw", "raw")])
def test_disk_formats_hold_the_same_disk(
    name: str, kind: str, disk: Path, tree: Path, tmp_path: Path
) -> None:
    out = written(name, disk, tree, tmp_path)
    same_disk(disk, out, kind)
    if kind != "raw":
        run(["qemu-img", "check", "-f", kind, str(out)], timeout_s=60)


def test_vmdk_is_stream_optimised(disk: Path, tree: Path, tmp_path: Path) -> None:
    out = written("vmdk", disk, tree, tmp_path)
    told = json.loads(run(["qemu-img", "info", "--output=json", str(out)], timeout_s=60).stdout)
    assert told["format-specific"]["data"]["create-type"] == "streamOptimized"
    assert told["virtual-size"] == 160 * MIB


def test_the_vhd_has_a_footer_and_whole_mebibytes(disk: Path, tree: Path, tmp_path: Path) -> None:
    out = written("azure", disk, tree, tmp_path)
    assert out.stat().st_size == 160 * MIB + 512
    told = json.loads(
        run(["qemu-img", "info", "-f", "vpc", "--output=json", str(out)], timeout_s=60).stdout
    )
    assert told["virtual-size"] == 160 * MIB
    same_disk(disk, out, "vpc")
    end = out.read_bytes()[-512:]
    assert end[:8] == b"conectix"
    checked = end[:64] + bytes(4) + end[68:]
    assert struct.unpack(">I", end[64:68])[0] == ~sum(checked) & 0xFFFFFFFF
    assert out.stat().st_blocks * 512 < 20 * MIB


def test_gce_archive_is_unpacked_by_gnu_tar(disk: Path, tree: Path, tmp_path: Path) -> None:
    out = written("gce", disk, tree, tmp_path)
    run(["tar", "-xzf", str(out), "-C", str(tmp_path)], timeout_s=60)
    same_disk(disk, tmp_path / "disk.raw", "raw")
    assert gzip.decompress(out.read_bytes())[257:265] == b"ustar  \0"


def test_gnu_tar_unpacks_a_gce_archive_of_a_large_disk(tree: Path, tmp_path: Path) -> None:
    """From 8 GiB on numbers don't fit into eleven octal digits."""
    large = tmp_path / "large.raw"
    with large.open("wb") as stream:
        stream.truncate(12 << 30)
        for at in (0, (8 << 30) - 1024, 9 << 30, (12 << 30) - 5):
            stream.seek(at)
            stream.write(b"here!")
    out = written("gce", large, tree, tmp_path)
    run(["tar", "-xzf", str(out), "-C", str(tmp_path)], timeout_s=60)
    unpacked = tmp_path / "disk.raw"
    assert unpacked.stat().st_size == 12 << 30
    assert list(sparse.pieces(unpacked, MIB)) == list(sparse.pieces(large, MIB))


def test_the_ova_is_in_order_and_its_manifest_is_true(
    disk: Path, tree: Path, tmp_path: Path
) -> None:
    out = written("ova", disk, tree, tmp_path)
    with tarfile.open(out) as archive:
        assert archive.getnames() == ["small.ovf", "small.mf", "small.vmdk"]
        unpack(out, tmp_path)
    for line in (tmp_path / "small.mf").read_text().splitlines():
        name, _, digest = line.removeprefix("SHA256(").partition(")= ")
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    same_disk(disk, tmp_path / "small.vmdk", "vmdk")
    ovf = "{http://schemas.dmtf.org/ovf/envelope/1}"
    root = ET.parse(tmp_path / "small.ovf").getroot()
    listed = root.find(f"{ovf}References/{ovf}File")
    described = root.find(f"{ovf}DiskSection/{ovf}Disk")
    assert listed is not None
    assert described is not None
    assert listed.get(f"{ovf}size") == str((tmp_path / "small.vmdk").stat().st_size)
    assert described.get(f"{ovf}capacity") == str(160 * MIB)
    text = (tmp_path / "small.ovf").read_text()
    for word in ("vmx-14", "VmxNet3", "VirtualSCSI", 'vmw:value="efi"', "user-data"):
        assert word in text


@pytest.mark.skipif(not shutil.which("virt-v2v"), reason="virt-v2v is not installed")
def test_virt_v2v_reads_the_appliance(disk: Path, tree: Path, tmp_path: Path) -> None:
    out = written("ova", disk, tree, tmp_path)
    argv = ["virt-v2v", "-i", "ova", str(out), "-o", "null", "--print-source"]
    told = run(argv, timeout_s=100).stdout
    for line in ("memory: 1073741824", "firmware: uefi", "0 [scsi]", "[vmxnet3]"):
        assert line in told


@pytest.mark.slow
@pytest.mark.takes(20)
@pytest.mark.skipif(not shutil.which("vagrant"), reason="vagrant is not installed")
@pytest.mark.parametrize("provider", ["libvirt", "virtualbox", "vmware"])
def test_vagrant_adds_the_boxes(provider: str, disk: Path, tree: Path, tmp_path: Path) -> None:
    out = written(f"vagrant-{provider}", disk, tree, tmp_path)
    home = {"VAGRANT_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    env = {"PATH": os.environ["PATH"], "VAGRANT_CHECKPOINT_DISABLE": "1", **home}
    run(["vagrant", "box", "add", "--name", "small", str(out)], timeout_s=100, env=env)
    assert f"small ({provider}" in run(["vagrant", "box", "list"], timeout_s=100, env=env).stdout


@pytest.mark.parametrize("provider", ["libvirt", "virtualbox", "vmware"])
def test_boxes_hold_a_disk_and_what_vagrant_reads(
    provider: str, disk: Path, tree: Path, tmp_path: Path
) -> None:
    out = written(f"vagrant-{provider}", disk, tree, tmp_path)
    run(["tar", "-xzf", str(out), "-C", str(tmp_path)], timeout_s=60)
    told = json.loads((tmp_path / "metadata.json").read_text())
    assert told["provider"].startswith(provider)
    assert "Vagrant.configure" in (tmp_path / "Vagrantfile").read_text()
    held = {"libvirt": "box.img", "virtualbox": "box-disk001.vmdk", "vmware": "disk.vmdk"}
    kind = "qcow2" if provider == "libvirt" else "vmdk"
    same_disk(disk, tmp_path / held[provider], kind)


def test_the_container_image_is_a_layout_with_dockers_index(
    disk: Path, tree: Path, tmp_path: Path
) -> None:
    out = written("oci", disk, tree, tmp_path)
    unpack(out, tmp_path)
    for blob in (tmp_path / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    index = json.loads((tmp_path / "index.json").read_text())
    manifest = json.loads(_blob(tmp_path, index["manifests"][0]["digest"]))
    config = json.loads(_blob(tmp_path, manifest["config"]["digest"]))
    layer = gzip.decompress(_blob(tmp_path, manifest["layers"][0]["digest"]))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as inside:
        names = inside.getnames()
        assert "usr/bin/busybox" in names
        assert not [name for name in names if name.startswith(("boot", "usr/lib/modules"))]
        assert inside.getmember("usr/bin/twin").islnk()
    docker = json.loads((tmp_path / "manifest.json").read_text())[0]
    assert (tmp_path / docker["Layers"][0]).is_file()


@pytest.mark.parametrize("found", ["1", "0badcafe", "deadbeef"])
def test_identifiers_of_whatever_length_are_replaced(found: str) -> None:
    text = f"version=1\nCID={found}\nparentCID=ffffffff\n".encode().ljust(1024, b"\0")
    fixed = with_content_id(text, "12345678")
    assert fixed.rstrip(b"\0") == b"version=1\nCID=12345678\nparentCID=ffffffff\n"
    assert len(fixed) == len(text)


@pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed")
def test_skopeo_copies_the_container_image(disk: Path, tree: Path, tmp_path: Path) -> None:
    out = written("oci", disk, tree, tmp_path)
    for transport in ("oci-archive", "docker-archive"):
        target = f"dir:{tmp_path}/{transport}"
        run(
            ["skopeo", "--insecure-policy", "copy", f"{transport}:{out}", target],
            timeout_s=60,
        )


def _blob(folder: Path, digest: str) -> bytes:
    return (folder / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def test_network_boot_files_hold_the_tree(disk: Path, tree: Path, tmp_path: Path) -> None:
    out = written("pxe", disk, tree, tmp_path)
    with tarfile.open(out) as archive:
        assert archive.getnames() == ["vmlinuz", "system.img", "boot.ipxe"]
        unpack(out, tmp_path)
    assert "quiet" in (tmp_path / "boot.ipxe").read_text()
    run(["zstd", "-q", "-d", str(tmp_path / "system.img"), "-o", f"{tmp_path}/c"], timeout_s=60)
    listed = subprocess.run(
        ["cpio", "-it", "--quiet"], input=b"".join(cpio.tree(tree, EPOCH)), capture_output=True
    )
    names = listed.stdout.decode().split()
    assert {"usr/bin/busybox", "usr/bin/twin", "etc/name", "bin"} <= set(names)


def blocks() -> Iterator[bytes]:
    noise = random.Random(3)
    for size in (0, 1, 70_000, 3 * MIB, 5):
        yield noise.randbytes(size)


def test_parallel_gzip_is_one_ordinary_member(tmp_path: Path) -> None:
    with gzip_file(tmp_path / "a.gz") as stream:
        for block in blocks():
            stream.write(block)
    plain = run(["sh", "-c", f"gzip -dc {tmp_path}/a.gz | sha256sum"], timeout_s=60).stdout
    assert plain.split()[0] == hashlib.sha256(b"".join(blocks())).hexdigest()


def test_digests_of_sparse_files_are_those_of_their_content(disk: Path) -> None:
    assert sparse.sha256(disk) == hashlib.sha256(disk.read_bytes()).hexdigest()
