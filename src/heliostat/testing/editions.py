"""The image of an edition for tests in guests, and a machine ordered from it.

``HELIO_IMAGE_<EDITION>`` names a finished image to test instead of building one, and
``HELIO_IMAGE_<EDITION>_<FORMAT>`` one in another format than qcow2.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.process import run
from heliostat.os.image.from_nothing import Places, build
from heliostat.testing.clouds.contract import Order


def edition_image(edition: str, cache: Path, image_format: str = "qcow2") -> Path:
    """The image of an edition in a format, built if it isn't there."""
    name = edition if image_format == "qcow2" else f"{edition}_{image_format}"
    given = os.environ.get(f"HELIO_IMAGE_{name.upper()}")
    if given:
        return Path(given)
    places = Places(cache=cache / "os", home=cache / "os" / "home-of-tests")
    return build(edition, cache / "images", places, formats=[image_format]).path


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
