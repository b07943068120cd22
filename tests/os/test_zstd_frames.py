"""zstd streams: whole ones as they are, any other told, wherever it was cut."""

from __future__ import annotations

import io
import random
import subprocess

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from heliostat.os.compressed import DAMAGED, unpacking
from heliostat.os.zstd_frames import WholeFrames

NOISE = random.Random(7).randbytes(300_000)
DATA = bytes(400_000) + NOISE + b"text " * 50_000


def _unpacked(content: bytes) -> bytes:
    return unpacking(io.BytesIO(content), "zst", 1 << 30).read()


def _by_zstd(*options: str) -> bytes:
    """What the program of that name makes of it."""
    return subprocess.run(
        ["zstd", "-q", "-c", *options], input=DATA, capture_output=True, check=True, timeout=60
    ).stdout


def _frame(content: bytes, *, checksum: bool, sized: bool) -> bytes:
    packer = zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=sized)
    return packer.compress(content)


@pytest.mark.parametrize(
    "options", [(), ("-19",), ("--fast=5",), ("--no-check",), ("--long=27", "-T2")]
)
def test_what_the_program_writes_is_read(options: tuple[str, ...]) -> None:
    assert _unpacked(_by_zstd(*options)) == DATA


def test_frames_follow_each_other_with_others_between_that_are_skipped() -> None:
    skipped = (0x184D2A53).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"aside"
    frame = _frame(b"one", checksum=True, sized=True)
    assert _unpacked(skipped + frame + skipped + frame + skipped) == b"oneone"


@settings(max_examples=40, deadline=None)
@given(
    size=st.sampled_from([0, 1, 200, 300, 70_000, 500_000]),
    checksum=st.booleans(),
    sized=st.booleans(),
    cut=st.floats(0, 1, exclude_max=True),
)
def test_what_is_cut_short_is_told_wherever(
    size: int, checksum: bool, sized: bool, cut: float
) -> None:
    frame = _frame(DATA[-size:] if size else b"", checksum=checksum, sized=sized)
    assert _unpacked(frame * 2) == (DATA[-size:] if size else b"") * 2
    kept = 1 + int(cut * (len(frame) - 1))
    for content in (frame[:kept], frame + frame[:kept]):
        if kept < len(frame):
            with pytest.raises(DAMAGED):
                _unpacked(content)


@settings(max_examples=10, deadline=None)
@given(steps=st.lists(st.integers(1, 5000), min_size=1))
def test_it_is_the_same_in_whatever_pieces_it_is_read(steps: list[int]) -> None:
    content = _frame(DATA, checksum=True, sized=False)
    whole, found, number = WholeFrames(io.BytesIO(content)), b"", 0
    while piece := whole.read(steps[number % len(steps)]):
        found += piece
        number += 1
    assert found == content


@given(content=st.binary(max_size=300))
def test_what_is_no_zstd_is_left_to_the_library(content: bytes) -> None:
    for data in (content, b"\x28\xb5\x2f\xfd" + content):
        try:
            _unpacked(data)
        except DAMAGED:
            continue
