"""No image leads to another file: what headers can name is refused before anything opens it."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os import extraction
from heliostat.os.carrier.disk_format import Refused, format_of
from heliostat.os.inventory import subject

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="needs qemu-img")


def _create(path: Path, kind: str, *options: str) -> Path:
    run(["qemu-img", "create", "-q", "-f", kind, *options, str(path), "8M"], timeout_s=60)
    return path


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("raw", ()),
        ("qcow2", ()),
        ("qcow2", ("-o", "compat=0.10")),
        ("vmdk", ()),
        ("vmdk", ("-o", "subformat=streamOptimized")),
        ("vpc", ()),
        ("vhdx", ()),
        ("vdi", ()),
    ],
)
def test_formats_are_told_as_qemu_tells_them(
    tmp_path: Path, kind: str, options: tuple[str, ...]
) -> None:
    image = _create(tmp_path / "image", kind, *options)
    told = json.loads(run(["qemu-img", "info", "--output=json", str(image)], timeout_s=60).stdout)
    assert format_of(image) == told["format"] == kind


@pytest.mark.parametrize("version", ["1.1", "0.10"])
def test_a_backing_file_is_refused(tmp_path: Path, version: str) -> None:
    secret = _create(tmp_path / "secret.raw", "raw")
    options = ("-o", f"compat={version}", "-b", str(secret), "-F", "raw")
    image = _create(tmp_path / "image.qcow2", "qcow2", *options)
    with pytest.raises(Refused, match="backing file"):
        format_of(image)


def test_a_data_file_is_refused_however_the_header_tells_it(tmp_path: Path) -> None:
    data = tmp_path / "secret"
    options = ("-o", f"data_file={data},data_file_raw=on")
    image = _create(tmp_path / "image.qcow2", "qcow2", *options)
    with pytest.raises(Refused, match="another file"):
        format_of(image)
    content = bytearray(image.read_bytes())
    content[72:80] = struct.pack(">Q", 0)  # the feature's bit gone, the name still there
    image.write_bytes(content)
    with pytest.raises(Refused, match="another file"):
        format_of(image)


@pytest.mark.parametrize("subformat", ["monolithicFlat", "twoGbMaxExtentSparse"])
def test_a_vmdk_whose_content_is_elsewhere_is_refused(tmp_path: Path, subformat: str) -> None:
    image = _create(tmp_path / "image.vmdk", "vmdk", "-o", f"subformat={subformat}")
    with pytest.raises(Refused, match="other files"):
        format_of(image)


def test_a_vmdk_with_a_parent_or_an_inner_description_is_refused(tmp_path: Path) -> None:
    parent = _create(tmp_path / "parent.vmdk", "vmdk")
    child = _create(tmp_path / "child.vmdk", "vmdk", "-b", str(parent), "-F", "vmdk")
    with pytest.raises(Refused, match="parent"):
        format_of(child)
    content = bytearray(parent.read_bytes())
    content[12:20] = struct.pack("<Q", 0)
    parent.write_bytes(content)
    with pytest.raises(Refused, match="no capacity"):
        format_of(parent)


@pytest.mark.parametrize("kind", ["qed", "qcow"])
def test_formats_that_no_image_of_a_system_has_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(Refused, match="isn't read here"):
        format_of(_create(tmp_path / "image", kind))


def test_a_header_that_ends_early_is_refused(tmp_path: Path) -> None:
    for head in (b"QFI\xfb", b"QFI\xfb\0\0\0\3" + bytes(20), b"KDMV", b"conectix"):
        image = tmp_path / "short"
        image.write_bytes(head)
        with pytest.raises(Refused, match="ends within"):
            format_of(image)


def test_no_command_looks_behind_an_image(tmp_path: Path) -> None:
    """The secret is a disk with a root: whoever followed the image would find it."""
    secret = tmp_path / "secret.raw"
    root = tmp_path / "tree"
    (root / "usr").mkdir(parents=True)
    run(["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(secret), "8M"], timeout_s=60)
    image = tmp_path / "image.qcow2"
    _create(image, "qcow2", "-b", str(secret), "-F", "raw")
    for opened in (extraction.opened, subject.opened):
        with pytest.raises(HeliostatError, match="backing file") as caught, opened(image):
            pass
        assert caught.value.code == "NotASystem"


def test_a_path_that_looks_like_a_protocol_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    image = _create(tmp_path / "image.qcow2", "qcow2")
    image.rename(tmp_path / "nbd:localhost:1")
    with (
        pytest.raises(HeliostatError, match="no partition table"),
        subject.opened(Path("nbd:localhost:1")),
    ):
        pass
