"""What one build is: inputs by digest, a root, commands and an environment.

Pure.  Two recipes with the same identity give the same result, so a result is kept
under the identity and never made twice.  Limits are no part of it: they decide whether
a build ends, not what it makes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from heliostat.os.packages.build.builder import FIXED_ENVIRONMENT
from heliostat.os.packages.build.input_file import Input, plain
from heliostat.os.packages.build.root import BuildRoot

FORMAT = 1
"""Counts up when the same recipe is carried out differently."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a build is ended: one that runs away must not fill the disk or the day."""

    time_s: float = 3600.0
    disk_bytes: int = 16 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """``script`` runs by ``/bin/sh -eu`` in ``/build``; what matches ``outputs`` there is kept."""

    name: str
    version: str
    root: BuildRoot
    inputs: tuple[Input, ...]
    script: str
    outputs: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    kept: str = ""
    """Names a folder, seen as ``/kept``, that outlives the build: objects of a long one, which
    its own tool brings up to date.  A build that is interrupted goes on from there."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        plain(self.name, "The source's name")  # folders of results are named by it

    @property
    def full_environment(self) -> dict[str, str]:
        return dict(sorted({**FIXED_ENVIRONMENT, **self.environment}.items()))

    @property
    def identity(self) -> str:
        """SHA-256 of everything that the result follows from."""
        parts = (
            FORMAT,
            self.name,
            self.version,
            self.root.digest,
            sorted((each.name, each.sha256) for each in self.inputs),
            self.script,
            self.outputs,
            self.full_environment,
        )
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
