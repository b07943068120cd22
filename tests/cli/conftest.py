"""``helio`` in this process, with a home of its own and a controller that records."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from heliostat.cli.main import run
from heliostat.testing.recorder import RecordingController, recording_controller
from heliostat.testing.served_cloud import Served, served_cloud


@dataclass(frozen=True, slots=True)
class Result:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)


Helio = Callable[..., Result]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No setting of the person who runs the tests gets in."""
    for name in (
        "TARGET",
        "CA",
        "TOKEN",
        "KEY",
        "CERTIFICATE",
        "PROFILE",
        "TENANT",
        "PROJECT",
        "HOME",
        "DEBUG",
    ):
        monkeypatch.delenv(f"HELIO_{name}", raising=False)
    monkeypatch.setenv("HELIO_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingController]:
    with recording_controller() as running:
        monkeypatch.setenv("HELIO_TARGET", running.url)
        yield running


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A whole small cloud, which commands talk to as its administrator."""
    async with served_cloud(tmp_path / "cloud") as made:
        monkeypatch.setenv("HELIO_TARGET", made.url)
        monkeypatch.setenv("HELIO_TOKEN", "admin")
        yield made


@pytest.fixture
def helio(capsys: pytest.CaptureFixture[str]) -> Helio:
    def call(*argv: str) -> Result:
        capsys.readouterr()
        code = run(argv)
        shown = capsys.readouterr()
        return Result(code, shown.out, shown.err)

    return call
