"""Reading headers that somebody damaged or made up."""

from __future__ import annotations

import contextlib
import functools
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.rpm.contents import RELATIONS
from heliostat.os.packages.rpm.extract import entries
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.header import Blob, Entries
from heliostat.os.packages.rpm.package import Change
from heliostat.os.packages.rpm.reader import Header, read
from heliostat.os.packages.rpm.relation import Relation
from heliostat.os.packages.rpm.tags import Kind
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.rpms import BUILT, tiny


@functools.cache
def _whole() -> bytes:
    """A package with most of what there is."""
    package = tiny(
        epoch=1,
        files=(File.folder("/a"), File.regular("/a/b", b"x" * 3000), File.link("/a/c", "b")),
        requires=(Relation.parse("(a or b)"), Relation.parse("c >= 1")),
        changelog=(Change(BUILT, "A - 1-1", "- x"),),
    )
    return write(package, Path(tempfile.mkdtemp())).path.read_bytes()


def _all_of(header: Header) -> None:
    for name in dir(type(header)):
        if isinstance(getattr(type(header), name), property):
            getattr(header, name)
    for kind in RELATIONS:
        header.relations(kind)
    list(header.files())


_DAMAGE = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4)


@given(damage=_DAMAGE, kept=st.floats(0, 1))
@settings(max_examples=400, deadline=None)
def test_damage_is_told_and_never_trips_the_reader(
    damage: list[tuple[float, int]], kept: float
) -> None:
    data = bytearray(_whole())
    for where, value in damage:
        data[int(where * len(data))] = value
    with contextlib.suppress(HeliostatError):  # any other exception is a defect
        _all_of(read(io.BytesIO(data[: int(kept * len(data)) or None])))


@given(damage=_DAMAGE, kept=st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_a_damaged_payload_is_told(damage: list[tuple[float, int]], kept: float) -> None:
    data = bytearray(_whole())
    start = read(io.BytesIO(data)).header_range[1]
    for where, value in damage:
        data[start + int(where * (len(data) - start))] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.rpm"
        path.write_bytes(data[: start + int(kept * (len(data) - start))])
        with contextlib.suppress(HeliostatError):
            for entry in entries(path):
                entry.body.read()


def test_a_header_gives_back_what_was_put_in() -> None:
    put = Entries()
    put.string(1000, "name")
    put.strings(1118, ["/a/", "", "/ä/"])
    put.integers(1030, [1, 65535], Kind.INT16)
    put.integer(5009, 2**40, Kind.INT64)
    put.binary(1, b"\0\1")
    blob = Blob.parse(put.encode(63))
    assert blob.string(1000) == "name"
    assert blob.strings(1118) == ["/a/", "", "/ä/"]
    assert blob.integers(1030) == [1, 65535]
    assert blob.integer(5009) == 2**40
    assert blob.binary(1) == b"\0\1"
    assert blob.tags() == [1, 63, 1000, 1030, 1118, 5009]
    assert (blob.string(9), blob.integer(9, -1), blob.binary(9)) == ("", -1, b"")


@pytest.mark.parametrize("wrong", [lambda b: b.integers(1000), lambda b: b.binary(1000)])
def test_a_value_of_another_kind_is_refused(wrong: object) -> None:
    put = Entries()
    put.string(1000, "name")
    assert callable(wrong)
    with pytest.raises(HeliostatError) as caught:
        wrong(Blob.parse(put.encode(63)))
    assert caught.value.code == "PackageInvalid"
