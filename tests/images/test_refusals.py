"""What is refused by its header alone, before QEMU opens anything."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from heliostat.controller.images import ova, ovf, qcow2, raw, vmdk
from heliostat.controller.images.formats import Format, detect
from heliostat.core.errors import PermanentError
from heliostat.testing import appliances
from heliostat.testing.appliances import Samples


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    return tmp_path / "upload"


def refused_by(call: object, *arguments: object) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        call(*arguments)  # type: ignore[operator]
    assert caught.value.message.endswith(".")
    return caught.value


def create(path: Path, *options: str) -> Path:
    subprocess.run(["qemu-img", "create", "-q", *options], check=True, cwd=path.parent)
    return path


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("raw", "raw"), ("qcow2", "qcow2"), ("stream", "vmdk"), ("sparse", "vmdk"), ("ova", "ova")],
)
def test_accepted_formats_are_told_apart(samples: Samples, name: str, wanted: str) -> None:
    assert detect(getattr(samples, name)) is Format(wanted)


@pytest.mark.parametrize(
    ("head", "code", "words"),
    [
        (b"", "InvalidImage", "empty"),
        (b"conectix" + bytes(600), "UnsupportedImageFileType", "VHD"),
        (b"vhdxfile" + bytes(600), "UnsupportedImageFileType", "VHDX"),
        (bytes(0x40) + b"\x7f\x10\xda\xbe" + bytes(500), "UnsupportedImageFileType", "VDI"),
        (b"\x1f\x8b\x08" + bytes(600), "UnsupportedImageFileType", "gzip"),
        (b"PK\x03\x04" + bytes(600), "UnsupportedImageFileType", "zip"),
        (bytes(32769) + b"CD001" + bytes(600), "UnsupportedImageFileType", "CD image"),
        (b"hello, this is a letter" * 40, "UnsupportedImageFileType", "no partition table"),
        (b"# Disk DescriptorFile\nversion=1\n", "InvalidVmdkFormat", "other files"),
    ],
)
def test_other_files_are_named(upload: Path, head: bytes, code: str, words: str) -> None:
    upload.write_bytes(head)
    error = refused_by(detect, upload)
    assert error.code == code
    assert words in error.message


def test_a_backing_file_is_refused(upload: Path, tmp_path: Path) -> None:
    create(tmp_path / "base", "-f", "qcow2", "base", "1M")
    create(upload, "-f", "qcow2", "-b", "base", "-F", "qcow2", "upload")
    assert "backing file" in refused_by(qcow2.inspect, upload).message


def test_an_external_data_file_is_refused(upload: Path) -> None:
    create(upload, "-f", "qcow2", "-o", "data_file=beside,size=1M", "upload")
    assert "another file" in refused_by(qcow2.inspect, upload).message


@pytest.mark.parametrize(
    ("offset", "value", "words"),
    [
        (4, struct.pack(">I", 7), "version 7"),
        (20, struct.pack(">I", 60), "damaged header"),
        (24, bytes(8), "damaged header"),
        (32, struct.pack(">I", 2), "encrypted"),
        (36, struct.pack(">I", 1 << 30), "truncated"),
        (72, struct.pack(">Q", 2), "corrupt"),
        (72, struct.pack(">Q", 1 << 40), "newer"),
    ],
)
def test_qcow2_headers(
    samples: Samples, upload: Path, offset: int, value: bytes, words: str
) -> None:
    data = bytearray(samples.qcow2.read_bytes())
    data[offset : offset + len(value)] = value
    upload.write_bytes(data)
    error = refused_by(qcow2.inspect, upload)
    assert error.code == "InvalidImage"
    assert words in error.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('createType="monolithicSparse"', 'createType="monolithicFlat"'), "monolithicFlat"),
        (("parentCID=ffffffff", "parentCID=12345678"), "child"),
        (("ddb.", 'parentFileNameHint="/etc/shadow"\nddb.'), "child"),
        (('SPARSE "sparse.vmdk"', 'FLAT "/etc/shadow" 0'), "other than itself"),
        (('SPARSE "sparse.vmdk"', 'SPARSE "../x.vmdk"'), "other than itself"),
        (('"sparse.vmdk"', '"sparse.vmdk"\nRW 8 SPARSE "two.vmdk"'), "other than itself"),
    ],
)
def test_vmdk_descriptions(
    samples: Samples, upload: Path, change: tuple[str, str], words: str
) -> None:
    data = samples.sparse.read_bytes()
    start, length = 512, 20 * 512
    text = data[start : start + length].rstrip(b"\0").decode()
    assert change[0] in text
    text = text.replace(change[0], change[1], 1)
    upload.write_bytes(data[:start] + text.encode().ljust(length, b"\0") + data[start + length :])
    error = refused_by(vmdk.inspect, upload)
    assert error.code == "InvalidVmdkFormat"
    assert words in error.message


def test_a_vmdk_without_capacity_would_open_its_description(samples: Samples, upload: Path) -> None:
    data = bytearray(samples.sparse.read_bytes())
    data[12:20] = bytes(8)
    upload.write_bytes(data)
    assert refused_by(vmdk.inspect, upload).code == "InvalidVmdkFormat"


@pytest.mark.parametrize("left", [100, 600, 20_000, -70_000])
def test_truncated_vmdks(samples: Samples, upload: Path, left: int) -> None:
    for whole in (samples.stream, samples.sparse):
        upload.write_bytes(whole.read_bytes()[:left])
        assert refused_by(vmdk.inspect, upload).code == "InvalidVmdkFormat"


def test_raw_disks_shorter_than_their_table(upload: Path) -> None:
    with upload.open("wb") as stream:
        stream.truncate(8 << 20)
    table = "label: gpt\nstart=2048, size=4096\n"
    subprocess.run(["/usr/sbin/sfdisk", "-q", upload], input=table.encode(), check=True)
    assert raw.inspect(upload) == 8 << 20
    upload.write_bytes(upload.read_bytes()[: 5 << 20])
    assert "truncated" in refused_by(raw.inspect, upload).message


DISK = ("disk1.vmdk", b"content")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([DISK, ("box.ovf", appliances.description())], "must come first"),
        ([("box.ovf", appliances.description())], "lacks the file"),
        ([("box.ovf", b"<Envelope")], "not well-formed"),
        ([("box.ovf", b"<Other/>")], "Envelope"),
        ([("box.ovf", appliances.description(["a.vmdk", "b.vmdk"]))], "2 disks"),
        ([("box.ovf", appliances.description([]))], "0 disks"),
        ([("box.ovf", appliances.description(["../../etc/shadow"]))], "not a file beside it"),
        ([("box.ovf", appliances.description(["/etc/shadow"]))], "not a file beside it"),
        ([("box.ovf", appliances.description(["http://host/disk"]))], "not a file beside it"),
        ([("box.ovf", b'<!DOCTYPE a [<!ENTITY b "c">]><Envelope/>')], "document type"),
        (
            [
                ("box.ovf", appliances.description()),
                ("box.mf", b"SHA256(disk1.vmdk)= " + b"0" * 64),
                DISK,
            ],
            "does not match",
        ),
        (
            [("box.ovf", appliances.description()), ("box.mf", b"SHA1(gone)= 00"), DISK],
            "not in it",
        ),
        ([("box.ovf", appliances.description()), ("dir/x", b""), DISK], "no file beside it"),
    ],
)
def test_appliances(upload: Path, files: list[tuple[str, bytes]], words: str) -> None:
    error = refused_by(ova.inspect, appliances.appliance(upload, files))
    assert error.code == "InvalidOva"
    assert words in error.message


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512"])
def test_manifests_are_checked(upload: Path, algorithm: str) -> None:
    files = [("box.ovf", appliances.description()), DISK]
    files.insert(1, ("box.mf", appliances.manifest(files, algorithm)))
    assert ova.inspect(appliances.appliance(upload, files)).disk.size == len(DISK[1])


def test_explicit_settings_are_kept() -> None:
    extra = '<vmw:ExtraConfig vmw:key="tools.syncTime" vmw:value="false"/>'
    described = ovf.parse(appliances.description(extra=extra, items=False))
    assert [(item.name, item.default_value) for item in described.settings] == [
        ("tools.syncTime", "false")
    ]
