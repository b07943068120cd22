"""Uploads become one qcow2 with the same content, or are refused with a sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliostat.content.blobs import Blobs
from heliostat.controller.images.service import QemuImageFiles
from heliostat.controller.model.image import ImageSetting
from heliostat.controller.workflows.image_files import NormalisedImage
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.process import run_async
from heliostat.testing import appliances
from heliostat.testing.appliances import Samples

MAX_BYTES = 64 << 20
CODES = {"InvalidImage", "InvalidVmdkFormat", "InvalidOva", "UnsupportedImageFileType"}


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


async def normalise(
    blobs: Blobs, data: bytes, *, max_bytes: int = MAX_BYTES
) -> tuple[NormalisedImage, list[float]]:
    with blobs.stage() as staging:
        staging.write(data)
        upload = staging.commit().digest
    seen: list[float] = []
    try:
        made = await QemuImageFiles().normalise(blobs, upload, max_bytes, seen.append)
    finally:
        assert list(blobs.staging_path.iterdir()) == []
    return made, seen


async def refusal(blobs: Blobs, data: bytes, *, max_bytes: int = MAX_BYTES) -> HeliostatError:
    with pytest.raises(PermanentError) as caught:
        await normalise(blobs, data, max_bytes=max_bytes)
    error = caught.value
    assert error.code in CODES
    assert error.message.endswith(".")
    assert "/" not in error.message.replace("n/a", "")
    return error


def content_of(blobs: Blobs, made: NormalisedImage, folder: Path) -> bytes:
    out = folder / "back.raw"
    argv = ["qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(blobs.path(made.digest))]
    subprocess.run([*argv, str(out)], check=True)
    return out.read_bytes()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("raw", "raw"),
        ("qcow2", "qcow2"),
        ("compressed", "qcow2"),
        ("stream", "vmdk"),
        ("sparse", "vmdk"),
        ("ova", "ova"),
    ],
)
async def test_every_format(
    samples: Samples, blobs: Blobs, tmp_path: Path, name: str, told: str
) -> None:
    upload: bytes = getattr(samples, name).read_bytes()
    made, seen = await normalise(blobs, upload)
    assert made.file_format == told
    assert made.virtual_size_bytes == len(samples.content)
    assert content_of(blobs, made, tmp_path) == samples.content
    assert made.blob_size_bytes == blobs.size_bytes(made.digest)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    again, _ = await normalise(blobs, upload)
    assert again.digest == made.digest


async def test_hardware_becomes_settings(samples: Samples, blobs: Blobs) -> None:
    made, _ = await normalise(blobs, samples.ova.read_bytes())
    assert made.settings == (
        ImageSetting(name="scsi0.virtualDev", default_value="pvscsi"),
        ImageSetting(name="ethernet0.virtualDev", default_value="vmxnet3"),
        ImageSetting(name="ethernet1.virtualDev", default_value="e1000"),
    )


async def test_small_files_with_huge_disks_are_refused(blobs: Blobs, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.qcow2"
    await run_async(["qemu-img", "create", "-f", "qcow2", str(bomb), "8T"], timeout_s=30)
    error = await refusal(blobs, bomb.read_bytes())
    assert error.code == "InvalidImage"
    assert f"{8 << 40} bytes" in error.message
    assert f"at most {MAX_BYTES}" in error.message


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.floats(0, 1, exclude_max=True), st.sampled_from(["qcow2", "stream", "ova"]))
async def test_truncated_files_are_refused_or_whole(
    samples: Samples, blobs: Blobs, tmp_path: Path, share: float, name: str
) -> None:
    """What is cut off must never pass as content."""
    whole: bytes = getattr(samples, name).read_bytes()
    cut = whole[: int(len(whole) * share)]
    try:
        made, _ = await normalise(blobs, cut)
    except HeliostatError as error:
        assert error.code in CODES  # noqa: PT017
    else:
        assert content_of(blobs, made, tmp_path) == samples.content


@pytest.mark.parametrize("name", ["raw", "qcow2", "compressed", "stream", "sparse", "ova"])
@pytest.mark.parametrize("lost_bytes", [1, 512, 5000])
async def test_a_missing_tail_is_noticed(
    samples: Samples, blobs: Blobs, tmp_path: Path, name: str, lost_bytes: int
) -> None:
    """Or else was padding: the guest's content is whole."""
    whole: bytes = getattr(samples, name).read_bytes()
    try:
        made, _ = await normalise(blobs, whole[:-lost_bytes])
    except HeliostatError as error:
        assert error.code in CODES  # noqa: PT017
    else:
        assert content_of(blobs, made, tmp_path) in (
            samples.content,
            samples.content[: len(samples.content) - lost_bytes // 512 * 512],
        )


async def test_damaged_tables_are_refused(samples: Samples, blobs: Blobs) -> None:
    damaged = bytearray(samples.qcow2.read_bytes())
    damaged[3 << 16 : (3 << 16) + 16] = b"\x80\x00\x00\x00\x7f\x00\x00\x00" * 2
    assert (await refusal(blobs, bytes(damaged))).code == "InvalidImage"


async def test_damaged_compression_is_refused(samples: Samples, blobs: Blobs) -> None:
    damaged = bytearray(samples.stream.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 4096] = bytes(4096)
    assert (await refusal(blobs, bytes(damaged))).code == "InvalidVmdkFormat"


async def test_without_qemu_the_error_says_what_to_install(
    samples: Samples, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(HeliostatError) as caught:
        await normalise(blobs, samples.raw.read_bytes())
    assert caught.value.code == "QemuMissing"
    assert "qemu-utils" in caught.value.hint


async def test_a_full_disk_while_converting(
    samples: Samples, blobs: Blobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A qemu-img that runs out of space, as it says so itself."""
    fake = tmp_path / "bin" / "qemu-img"
    fake.parent.mkdir()
    fake.write_text(
        "#!/bin/sh\necho 'qemu-img: error while writing: No space left on device' >&2\nexit 1\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    with pytest.raises(HeliostatError) as caught:
        await normalise(blobs, samples.raw.read_bytes())
    assert caught.value.code == "DiskFull"


def test_samples_hold_noise(samples: Samples) -> None:
    """Else truncation could not be seen in the content."""
    assert len(samples.content) > appliances.MIB
    assert samples.content.count(0) < len(samples.content) * 0.6
