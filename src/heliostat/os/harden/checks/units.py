"""systemd's units: what starts by itself, what must not, what listens to the network."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from heliostat.os.harden.checks.finding import Finding, compared, judged, not_applicable
from heliostat.os.harden.patterns import matches
from heliostat.os.harden.report import Evidence
from heliostat.os.harden.tree import Tree
from heliostat.os.harden.unitfiles import Enabled, enabled, find, is_masked, listens


class Units(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """State of named units; one that is not installed is as wanted unless it is ``enabled``."""

    enabled: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()


class EnabledUnits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Patterns of the services, sockets and timers that may start by themselves."""

    allowed: tuple[str, ...]
    vendor_links: bool = False
    """Judge also what links inside of packages start."""


class Listening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be open to the network."""

    sockets: dict[str, tuple[str, ...]] = {}
    """Socket units and the addresses they may open."""
    services: dict[str, str] = {}
    """Services that are known to listen, with what they open."""
    allowed: tuple[str, ...] = ()
    """Of these services, the ones that may be enabled."""


_KINDS = (".service", ".socket", ".timer", ".path")


def state(tree: Tree, wanted: Units) -> Finding:
    if not tree.exists("/usr/lib/systemd/system"):
        return not_applicable("The tree has no systemd.")
    return compared("units", _states(tree, wanted))


def only_allowed(tree: Tree, wanted: EnabledUnits) -> Finding:
    chosen = [
        unit
        for unit in enabled(tree).values()
        if unit.name.endswith(_KINDS) and (wanted.vendor_links or not unit.by_vendor)
    ]
    if not chosen:
        return not_applicable("No unit is enabled.")
    pairs = (
        (Evidence(unit.name, f"enabled by {unit.link}", "named in the rule"), _is_in(unit, wanted))
        for unit in chosen
    )
    return compared("enabled units", pairs)


def listening(tree: Tree, wanted: Listening) -> Finding:
    units = enabled(tree)
    broken = []
    for name in sorted(units):
        if name.endswith(".socket"):
            opened = set(listens(tree, name)) - set(wanted.sockets.get(name, ()))
            if opened:
                broken.append(Evidence(name, f"opens {', '.join(sorted(opened))}", "not open"))
        elif name in wanted.services and name not in wanted.allowed:
            broken.append(Evidence(name, f"opens {wanted.services[name]}", "not open"))
    held = (
        Evidence(name, f"opens {opened}", "may be open")
        for name, opened in wanted.services.items()
        if name in units and name in wanted.allowed
    )
    return judged("enabled units", broken, held, len(units))


def _states(tree: Tree, wanted: Units) -> Iterator[tuple[Evidence, bool]]:
    units = enabled(tree)
    for name in wanted.enabled:
        told = _told(tree, name, units)
        yield Evidence(name, told, "enabled"), told == "enabled"
    for name in wanted.disabled:
        told = _told(tree, name, units)
        yield Evidence(name, told, "not enabled"), told != "enabled"
    for name in wanted.masked:
        told = _told(tree, name, units)
        yield Evidence(name, told, "masked"), told in ("masked", "not installed")


def _told(tree: Tree, name: str, units: dict[str, Enabled]) -> str:
    if find(tree, name) is None:
        return "not installed"
    if is_masked(tree, name):
        return "masked"
    return "enabled" if name in units else "not enabled"


def _is_in(unit: Enabled, wanted: EnabledUnits) -> bool:
    return any(matches(unit.name, pattern) for pattern in wanted.allowed)
