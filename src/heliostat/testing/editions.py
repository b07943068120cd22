"""The image of an edition for tests in guests, and a machine ordered from it.

``HELIO_IMAGE_<EDITION>`` names a finished image to test instead of building one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.process import run
from heliostat.os.image.from_nothing import Places, build
from heliostat.testing.clouds.contract import Order


def edition_image(edition: str, cache: Path) -> Path:
    """The qcow2 image of an edition, built if it isn't there."""
    given = os.environ.get(f"HELIO_IMAGE_{edition.upper()}")
    if given:
        return Path(given)
    places = Places(cache=cache / "os", home=cache / "os" / "home-of-tests")
    return build(edition, cache / "images", places).path


@dataclass(frozen=True, slots=True)
class Key:
    """A pair of SSH keys."""

    private: Path
    public: str


def new_key(folder: Path) -> Key:
    """A new one in ``folder``."""
    private = folder / "key"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "mira", "-f", str(private)]
    run(argv, timeout_s=30)
    return Key(private, private.with_suffix(".pub").read_text().strip())


def order(key: Key, user_data: str = "#cloud-config\n{}\n") -> Order:
    """A machine for the owner of this key."""
    identity = "6f1c2c5e-9b1a-4c0e-8d55-1f2e3d4c5b6a"
    return Order(identity, "mirror-8", key.public, user_data)
