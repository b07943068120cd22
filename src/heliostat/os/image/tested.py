"""What came of starting an image: ``<edition>-<identity>.tested``, beside its record.

The last trial counts.  It stands for all files of the image, which hold the same disk, but
only for as long as the file that was started is the one of the record.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from heliostat.core.files import atomic_write
from heliostat.os.image.built import BuiltImage, stem_of


class TrialRecord(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A trial that has come to its end."""

    passed: bool
    sha256: str
    """Of the file that was started."""
    at_ms: int
    machine: str
    """Accelerator, firmware and bus of the disk."""
    failed: list[str]
    """Gates that were not passed, with their reasons."""


def note_trial(image: BuiltImage, path: Path, machine: str, failed: list[str]) -> None:
    """Keep what came of starting ``path``, one of the files of ``image``."""
    digest = next(each.sha256 for each in image.record.files.values() if each.name == path.name)
    record = TrialRecord(
        passed=not failed,
        sha256=digest,
        at_ms=time.time_ns() // 1_000_000,
        machine=machine,
        failed=failed,
    )
    atomic_write(_place(image), msgspec.json.format(msgspec.json.encode(record), indent=1))


def trial_of(image: BuiltImage) -> TrialRecord | None:
    """The last trial of these very files; None if there was none."""
    try:
        record = msgspec.json.decode(_place(image).read_bytes(), type=TrialRecord)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    known = {each.sha256 for each in image.record.files.values()}
    return record if record.sha256 in known else None


def has_passed(image: BuiltImage) -> bool:
    """Whether its last trial passed every gate."""
    trial = trial_of(image)
    return trial is not None and trial.passed


def forget_trial(image: BuiltImage) -> None:
    """With the image that goes."""
    _place(image).unlink(missing_ok=True)


def _place(image: BuiltImage) -> Path:
    return image.path.parent / f"{stem_of(image.name, image.identity)}.tested"
