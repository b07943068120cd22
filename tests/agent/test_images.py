"""The image cache: verified, continued, single-flight, never half a file under a final name."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.agent.images import ImageCache
from heliostat.core.errors import HeliostatError, TemporaryError

CONTENT = bytes(range(256)) * 64
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Source:
    """Serves ``CONTENT``; ``faults`` are spent one a fetch: a number cuts, ``corrupt`` spoils."""

    def __init__(self, *faults: int | str | OSError) -> None:
        self.faults = list(faults)
        self.offsets: list[int] = []

    async def fetch(self, digest: str, offset: int) -> AsyncIterator[bytes]:
        self.offsets.append(offset)
        fault = self.faults.pop(0) if self.faults else None
        content = CONTENT[offset:]
        if fault == "corrupt":
            content = bytes(len(content))
        for start in range(0, len(content), 1024):
            await asyncio.sleep(0)
            if isinstance(fault, int) and start >= fault:
                raise TemporaryError("Unreachable", "cut")
            if isinstance(fault, OSError) and start > 0:
                raise fault
            yield content[start : start + 1024]


def files(root: Path) -> list[Path]:
    return list(root.iterdir())


def cache(root: Path, source: Source) -> ImageCache:
    return ImageCache(root, source.fetch, lambda _digest, _size: None)


async def test_one_fetch_serves_all(tmp_path: Path) -> None:
    source = Source()
    images = cache(tmp_path, source)
    paths = await asyncio.gather(*(images.ensure(DIGEST) for _ in range(5)))
    assert source.offsets == [0]
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert images.digests() == [DIGEST]


async def test_a_cut_fetch_is_continued(tmp_path: Path) -> None:
    source = Source(4096)
    images = cache(tmp_path, source)
    with pytest.raises(TemporaryError):
        await images.ensure(DIGEST)
    assert not images.has(DIGEST)
    again = cache(tmp_path, source)  # even by the next agent
    assert (await again.ensure(DIGEST)).read_bytes() == CONTENT
    assert source.offsets == [0, 4096]


async def test_corrupt_content_is_fetched_once_more(tmp_path: Path) -> None:
    source = Source("corrupt")
    assert (await cache(tmp_path, source).ensure(DIGEST)).read_bytes() == CONTENT
    assert source.offsets == [0, 0]


async def test_twice_corrupt_is_a_fault(tmp_path: Path) -> None:
    images = cache(tmp_path, Source("corrupt", "corrupt"))
    with pytest.raises(HeliostatError) as refused:
        await images.ensure(DIGEST)
    assert refused.value.code == "ImageCorrupt"
    assert files(tmp_path) == []


async def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    images = cache(tmp_path, Source(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(HeliostatError) as refused:
        await images.ensure(DIGEST)
    assert refused.value.code == "DiskFull"
    assert files(tmp_path) == []


async def test_a_file_that_changed_is_hashed_and_replaced(tmp_path: Path) -> None:
    source = Source()
    path = await cache(tmp_path, source).ensure(DIGEST)
    path.chmod(0o644)
    path.write_bytes(b"rotten")
    later = cache(tmp_path, source)
    assert (await later.ensure(DIGEST)).read_bytes() == CONTENT
    assert len(source.offsets) == 2


async def test_an_intact_file_without_its_record_is_kept(tmp_path: Path) -> None:
    source = Source()
    images = cache(tmp_path, source)
    await images.ensure(DIGEST)
    (tmp_path / f"{DIGEST}.json").unlink()
    await cache(tmp_path, source).ensure(DIGEST)
    assert source.offsets == [0]


async def test_a_caller_that_gives_up_does_not_stop_the_others(tmp_path: Path) -> None:
    images = cache(tmp_path, Source())
    impatient = asyncio.create_task(images.ensure(DIGEST))
    patient = asyncio.create_task(images.ensure(DIGEST))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).read_bytes() == CONTENT
