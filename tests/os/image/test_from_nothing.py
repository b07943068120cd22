"""Images from nothing: what formats add to an edition, and what it offers, is imported with it."""

from __future__ import annotations

from heliostat.os.image.from_nothing import variants_of
from heliostat.os.tree import load_edition


def test_formats_bring_their_agents_where_the_edition_has_none() -> None:
    minimal = load_edition("minimal")
    found = variants_of(minimal, ["qcow2", "ova", "gce", "raw"])
    names = ["minimal", "minimal+google-guest-agent", "+".join(("minimal", *minimal.offers))]
    assert [each.name for each in found] == names
    assert set(found[1].packages) - set(minimal.packages) == {"google-guest-agent"}
    nano = variants_of(load_edition("nano"), ["ova"])
    assert [each.name for each in nano] == ["nano", "nano+open-vm-tools"]
