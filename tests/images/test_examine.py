"""What hosts have made of VMs' disks is looked into before other hosts open it."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.content.blobs import Blobs
from heliostat.controller.images.service import QemuImageFiles
from heliostat.core.errors import HeliostatError
from heliostat.core.process import run_async
from heliostat.testing.appliances import Samples

MOST_BYTES = 1 << 40


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "content")


def kept(blobs: Blobs, content: bytes) -> str:
    with blobs.stage() as staging:
        staging.write(content)
        return staging.commit().digest


async def test_a_qcow2_is_taken_as_it_is(blobs: Blobs, samples: Samples) -> None:
    content = samples.qcow2.read_bytes()
    digest = kept(blobs, content)
    made = await QemuImageFiles().examine(blobs, digest, MOST_BYTES)
    assert (made.digest, made.blob_size_bytes, made.file_format) == (digest, len(content), "qcow2")
    assert made.virtual_size_bytes > 0


async def test_what_refers_outside_itself_is_refused(blobs: Blobs, tmp_path: Path) -> None:
    path = tmp_path / "overlay.qcow2"
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw"]
    await run_async([*argv, str(path), "1M"], timeout_s=20)
    with pytest.raises(HeliostatError) as refused:
        await QemuImageFiles().examine(blobs, kept(blobs, path.read_bytes()), MOST_BYTES)
    assert refused.value.code == "InvalidImage"


async def test_other_formats_and_too_large_ones_are_refused(blobs: Blobs, samples: Samples) -> None:
    with pytest.raises(HeliostatError, match="not qcow2"):
        await QemuImageFiles().examine(blobs, kept(blobs, samples.raw.read_bytes()), MOST_BYTES)
    with pytest.raises(HeliostatError):
        await QemuImageFiles().examine(blobs, kept(blobs, samples.qcow2.read_bytes()), 1 << 10)


async def test_half_a_file_is_refused(blobs: Blobs, samples: Samples) -> None:
    content = samples.qcow2.read_bytes()
    with pytest.raises(HeliostatError):
        await QemuImageFiles().examine(blobs, kept(blobs, content[: len(content) // 2]), MOST_BYTES)


async def test_content_that_is_gone_is_told(blobs: Blobs) -> None:
    with pytest.raises(HeliostatError) as gone:
        await QemuImageFiles().examine(blobs, "ab" * 32, MOST_BYTES)
    assert gone.value.code == "BlobNotFound"
