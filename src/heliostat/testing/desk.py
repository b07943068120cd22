"""A desk with ``helio os``: commands typed at a home of its own, and what they say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from heliostat.cli.main import run
from heliostat.testing.rpms import signer


@dataclass(frozen=True, slots=True)
class Desk:
    """``HELIO_HOME`` and ``HELIO_CACHE`` in ``folder``, with the tests' key to sign with."""

    folder: Path
    printed: pytest.CaptureFixture[str]

    @classmethod
    def at(
        cls, folder: Path, monkeypatch: pytest.MonkeyPatch, printed: pytest.CaptureFixture[str]
    ) -> Desk:
        monkeypatch.setenv("HELIO_CACHE", str(folder / "cache"))
        monkeypatch.setenv("HELIO_HOME", str(folder / "home"))
        keys = folder / "home/os/keys"
        keys.mkdir(parents=True)
        (keys / "signing-key.asc").write_bytes(signer().secret_text)
        (keys / "RPM-GPG-KEY-heliostat").write_bytes(signer().public_text)
        return cls(folder, printed)

    @property
    def repository(self) -> Path:
        """``base`` at home."""
        return self.folder / "home/os/repos/base"

    def helio(self, *words: object, code: int = 0) -> str:
        """What the command prints, or what it complains of."""
        self.printed.readouterr()
        done = run(["os", *map(str, words)])
        shown = self.printed.readouterr()
        assert done == code, shown.out + shown.err
        return shown.out if code == 0 else shown.err

    def told(self, *words: object) -> Any:
        """What the command prints as JSON."""
        return json.loads(self.helio(*words, "-o", "json"))

    def refused(self, *words: object) -> dict[str, Any]:
        """The error of a command, as JSON has it, behind what was told of the progress."""
        said = self.helio(*words, "-o", "json", code=1)
        error: dict[str, Any] = json.loads(said[f"\n{said}".index("\n{") :])
        return error
