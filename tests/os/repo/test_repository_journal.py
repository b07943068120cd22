"""The journal of advisories: nothing is rewritten, and a torn end is no line."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError
from heliostat.os.repo.advisory import (
    Advisory,
    AdvisoryKind,
    Reference,
    Severity,
    parse_updateinfo,
    updateinfo,
)
from heliostat.os.repo.journal import Journal, next_id
from heliostat.os.repo.lock import LockedPackage

_TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), max_size=20)
_WORD = st.from_regex(r"[a-z0-9.]{1,8}", fullmatch=True)
_PACKAGE = st.builds(
    LockedPackage,
    name=_WORD,
    arch=st.just("x86_64"),
    epoch=st.sampled_from(["0", "3"]),
    version=_WORD,
    release=_WORD,
    digest=st.just("ab" * 32),
    size=st.just(0),
    location=_WORD,
)
_ADVISORY = st.builds(
    Advisory,
    id=st.integers(1, 9999).map("HSA-2026-{:04d}".format),
    kind=st.sampled_from(AdvisoryKind),
    severity=st.sampled_from(Severity),
    title=_TEXT,
    description=_TEXT,
    issued=st.integers(0, 2**31),
    updated=st.integers(0, 2**31),
    references=st.lists(st.builds(Reference, st.just("cve"), _WORD, _WORD, _WORD), max_size=2).map(
        tuple
    ),
    packages=st.lists(_PACKAGE, min_size=1, max_size=2).map(tuple),
    withdrawn=st.booleans(),
    reboot=st.booleans(),
)


@given(st.lists(_ADVISORY, max_size=3))
def test_clients_read_what_was_written(advisories: list[Advisory]) -> None:
    expected = [
        msgspec.structs.replace(each, sources={one.name: "" for one in each.packages})
        for each in advisories
    ]
    assert parse_updateinfo(updateinfo(advisories, "updates"), "updateinfo") == expected


def _advisory(number: int, version: int = 1) -> Advisory:
    return Advisory(
        id=f"HSA-2026-{number:04d}",
        version=version,
        kind=AdvisoryKind.BUGFIX,
        title=f"Number {number}",
        description="",
        issued=0,
        updated=0,
    )


def test_a_newer_version_is_a_new_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.append([_advisory(1), _advisory(2)])
    journal.append([_advisory(1, version=2)])
    assert journal.count() == 3
    assert [each.version for each in journal.latest()] == [2, 1]
    assert [each.version for each in journal.latest(2)] == [1, 1]


def test_a_line_torn_by_a_crash_is_no_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.append([_advisory(1)])
    whole = (tmp_path / "j").read_bytes()
    journal.append([_advisory(2)])
    longer = (tmp_path / "j").read_bytes()
    for length in range(len(whole), len(longer)):
        (tmp_path / "j").write_bytes(longer[:length])
        assert [each.id for each in journal.entries()] == ["HSA-2026-0001"]
    journal.append([_advisory(3)])
    assert [each.id for each in journal.entries()] == ["HSA-2026-0001", "HSA-2026-0003"]


def test_a_changed_or_missing_line_is_seen(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.append([_advisory(each) for each in (1, 2, 3)])
    lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    for broken in (
        lines[0].replace(b"Number 1", b"Number 9") + lines[1] + lines[2],
        lines[0] + lines[2],
        lines[1] + lines[2],
    ):
        (tmp_path / "j").write_bytes(broken)
        with pytest.raises(HeliostatError, match="doesn't follow"):
            journal.entries()
        with pytest.raises(HeliostatError):
            journal.append([_advisory(4)])
    (tmp_path / "j").write_bytes(lines[0])
    with pytest.raises(HeliostatError, match="3 lines were published"):
        journal.entries(3)


def test_ids_count_within_their_year() -> None:
    known = [_advisory(1), _advisory(41)]
    assert next_id(known, 2026) == "HSA-2026-0042"
    assert next_id(known, 2027) == "HSA-2027-0001"
