"""Where membership lies on a machine.

``root`` is another folder for tests, and for images that are prepared from outside.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "HELIO_MACHINE_ROOT"
"""Environment variable that names another root than ``/``."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The files of one machine."""

    root: Path = Path("/")

    @classmethod
    def here(cls) -> Machine:
        """The machine that this process runs on."""
        return cls(Path(os.environ.get(VARIABLE, "/")))

    @property
    def stores(self) -> Path:
        """The certificate stores: a folder each."""
        return self.root / "var/lib/heliostat/certificates"

    @property
    def roots_bundle(self) -> Path:
        """All trusted roots in one file, for programs that take one; everybody reads it."""
        return self.stores / "trusted-roots" / "bundle.pem"

    @property
    def changes(self) -> Path:
        """What joining changed on this machine, and what was there before."""
        return self.root / "var/lib/heliostat/membership-changes.json"

    @property
    def membership_lock(self) -> Path:
        """Held by whoever changes what the machine is a member of."""
        return self.root / "var/lib/heliostat/membership.lock"

    @property
    def key_under_way(self) -> Path:
        """The key of a machine that is joining; gone once its certificate is kept."""
        return self.root / "var/lib/heliostat/joining.key"

    @property
    def membership(self) -> Path:
        """What the machine is a member of; only root reads it."""
        return self.root / "etc/heliostat/membership.json"
