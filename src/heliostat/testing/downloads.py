"""Single downloads for tests: one body, a repository's settings by key, what a person is told."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from heliostat.os.tdnf.errors import TdnfError
from heliostat.os.tdnf.settings.configuration import Configuration
from heliostat.os.tdnf.settings.repository import Repository
from heliostat.os.tdnf.transfer.download import Download, Wire
from heliostat.os.tdnf.transfer.fetch import fetch

BODY = bytes(range(256)) * 4000


class Story:
    """What a person would have been told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def begun(self, downloads: Sequence[Download]) -> None:
        pass

    def advanced(self, download: Download, now: int) -> None:
        pass

    def finished(self, download: Download) -> None:
        self.lines.append(f"{download.label} is here")

    def troubled(self, address: str, error: TdnfError, further: str) -> None:  # noqa: ARG002
        self.lines.append(further)

    def ended(self) -> None:
        pass


def wire(**keys: str) -> Wire:
    """``keys`` as in a .repo file; it pauses for no time."""
    repository = Repository("tests", Configuration("/nonexistent/tdnf.conf"))
    for key, value in keys.items():
        repository.set(key, value, str)
    made = Wire(repository, Configuration("/nonexistent/tdnf.conf"))
    made.pause_s = 0.0
    return made


def of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def download(
    tmp_path: Path, *mirrors: str, by: Wire | None = None, size: int | None = len(BODY)
) -> Download:
    target = str(tmp_path / "cache" / "file")
    return Download(by or wire(), mirrors, "file", target, size=size, checksum=of(BODY))


def got(wanted: Download, story: Story | None = None) -> None:
    """Fetches it, or raises its error."""
    for error in fetch([wanted], progress=story).values():
        raise error
    assert Path(wanted.target).read_bytes() == BODY
    assert os.listdir(os.path.dirname(wanted.target)) == ["file"]


def refused(wanted: Download) -> TdnfError:
    """The error of a download that must not succeed; nothing takes the file's name."""
    failed = fetch([wanted])
    assert not os.path.exists(wanted.target)
    return failed[wanted]
