"""Blobs: whole or not at all, under their digest."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.content.blobs import Blobs
from heliostat.core.errors import HeliostatError

DATA = b"mirror" * 100_000
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "content")


def store(blobs: Blobs, data: bytes = DATA) -> str:
    with blobs.stage() as staging:
        staging.write(data)
        return staging.commit().digest


def leftovers(blobs: Blobs) -> list[Path]:
    return list(blobs.staging_path.iterdir())


def test_content_is_found_under_its_digest(blobs: Blobs) -> None:
    with blobs.stage() as staging:
        staging.write(DATA[:7])
        staging.write(DATA[7:])
        blob = staging.commit()
    assert blob.digest == DIGEST
    assert blob.size_bytes == len(DATA)
    assert blobs.path(DIGEST) == blobs.root / "sha256" / DIGEST[:2] / DIGEST
    with blobs.open(DIGEST) as stream:
        assert stream.read() == DATA
    assert leftovers(blobs) == []


def test_what_is_not_committed_is_not_there(blobs: Blobs) -> None:
    with blobs.stage() as staging:
        staging.write(DATA)
    assert not blobs.exists(DIGEST)
    assert leftovers(blobs) == []
    with pytest.raises(ValueError, match="discarded"):
        staging.write(b"more")


def test_the_same_content_is_stored_once_and_becomes_young_again(blobs: Blobs) -> None:
    store(blobs)
    os.utime(blobs.path(DIGEST), (0, 0))
    store(blobs)
    assert [blob.digest for blob in blobs.stored()] == [DIGEST]
    assert next(blobs.stored()).idle_s < 1000


def test_unexpected_content_is_refused(blobs: Blobs) -> None:
    with blobs.stage() as staging:
        staging.write(b"something else")
        with pytest.raises(HeliostatError) as caught:
            staging.commit(expected_digest=DIGEST)
    assert caught.value.code == "ImageCorrupt"
    assert leftovers(blobs) == []
    assert list(blobs.stored()) == []


async def test_a_full_disk_leaves_nothing(blobs: Blobs) -> None:
    """The staging file is replaced by the device that is always full."""
    with blobs.stage() as staging:
        full = os.open("/dev/full", os.O_WRONLY)
        assert staging._stream is not None
        os.dup2(full, staging._stream.fileno())
        os.close(full)
        with pytest.raises(HeliostatError) as caught:
            staging.write(DATA)
    assert caught.value.code == "DiskFull"
    assert caught.value.status == 507
    assert leftovers(blobs) == []


def test_no_room_to_begin_with(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("heliostat.content.blobs.tempfile.mkstemp", full)
    with pytest.raises(HeliostatError) as caught:
        blobs.stage()
    assert caught.value.code == "DiskFull"


async def test_a_stream_is_received(blobs: Blobs) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield DATA[:1000]
        yield DATA[1000:]

    assert (await blobs.receive(chunks())).digest == DIGEST


async def test_a_stream_that_breaks_leaves_nothing(blobs: Blobs) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield DATA
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.receive(chunks())
    assert leftovers(blobs) == []


def test_files_are_adopted(blobs: Blobs) -> None:
    with blobs.scratch() as folder:
        (folder / "out").write_bytes(DATA)
        assert blobs.adopt(folder / "out").digest == DIGEST
        assert not (folder / "out").exists()
    assert leftovers(blobs) == []
    blobs.verify(DIGEST)


def test_damage_is_found(blobs: Blobs) -> None:
    store(blobs)
    path = blobs.path(DIGEST)
    path.chmod(0o644)
    path.write_bytes(b"x" + DATA[1:])
    with pytest.raises(HeliostatError, match="ImageCorrupt"):
        blobs.verify(DIGEST)


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", "", DIGEST.upper()])
def test_unknown_and_malformed_digests_are_not_found(blobs: Blobs, digest: str) -> None:
    store(blobs)
    assert not blobs.exists(digest)
    assert not blobs.delete(digest)
    for call in (blobs.open, blobs.path, blobs.hold):
        with pytest.raises(HeliostatError) as caught:
            call(digest)
        assert caught.value.code == "BlobNotFound"


def test_a_reader_keeps_what_is_deleted(blobs: Blobs) -> None:
    store(blobs)
    with blobs.open(DIGEST) as stream:
        assert blobs.delete(DIGEST)
        assert stream.read() == DATA
    assert not blobs.exists(DIGEST)


def test_only_idle_blobs_are_deleted_as_idle(blobs: Blobs) -> None:
    store(blobs)
    assert not blobs.delete_idle(DIGEST, idle_s=3600)
    os.utime(blobs.path(DIGEST), (0, 0))
    blobs.hold(DIGEST)
    assert not blobs.delete_idle(DIGEST, idle_s=3600)
    os.utime(blobs.path(DIGEST), (0, 0))
    assert blobs.delete_idle(DIGEST, idle_s=3600)


def test_a_killed_writer_is_swept_and_a_living_one_is_not(blobs: Blobs) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path;"
        "from heliostat.content.blobs import Blobs; blobs = Blobs(Path(sys.argv[1]));"
        "staging = blobs.stage(); staging.write(b'x' * 10_000_000);"
        "scratch = blobs.scratch(); scratch.__enter__();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(blobs.root)], check=False)
    assert killed.returncode == -9
    assert len(leftovers(blobs)) == 2
    with blobs.stage() as staging, blobs.scratch():
        staging.write(DATA)
        assert blobs.sweep() == 2
        assert len(leftovers(blobs)) == 2
        assert staging.commit().digest == DIGEST
