"""What is mounted and how: ``fstab``, systemd's mount units, swap."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from heliostat.os.harden.checks.finding import Finding, compared, not_applicable
from heliostat.os.harden.keyvalues import settings
from heliostat.os.harden.report import Evidence
from heliostat.os.harden.tree import Tree
from heliostat.os.harden.unitfiles import enabled, find


class Mounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options that mount points have (if they are mounted apart), and the root's type."""

    options: dict[str, tuple[str, ...]] = {}
    root_type: str | None = None
    swap: bool = True
    """Whether swap may be configured."""


class Certificates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The authorities that programs trust."""

    bundle: str = "/etc/ssl/certs/ca-certificates.crt"
    at_least: int = 50


# As systemd mounts them when nobody says otherwise (systemd's mount-setup.c).
_BY_SYSTEMD = {"/dev/shm": {"nosuid", "nodev"}, "/run": {"nosuid", "nodev"}}  # noqa: S108


def judge(tree: Tree, wanted: Mounts) -> Finding:
    mounted = dict(_mounted(tree))
    pairs = list(_options(mounted, wanted))
    if wanted.root_type is not None and "/" in mounted:
        kind = mounted["/"][0]
        pairs.append((Evidence("/", kind, wanted.root_type), kind == wanted.root_type))
    if not wanted.swap:
        swaps = [where for where, (kind, _) in mounted.items() if kind == "swap"]
        swaps += [name for name in enabled(tree) if name.endswith(".swap")]
        pairs.append((Evidence("swap", ", ".join(swaps) or "none", "none"), not swaps))
    return compared("mount points", pairs) if pairs else not_applicable("Nothing is mounted apart.")


def certificates(tree: Tree, wanted: Certificates) -> Finding:
    text = tree.text(wanted.bundle)
    if text is None and not tree.exists("/usr/share/ca-certificates"):
        return not_applicable("No certificates are installed.")
    count = (text or "").count("-----BEGIN CERTIFICATE-----")
    told = f"{count} certificates"
    return compared(
        "bundles", [(Evidence(wanted.bundle, told, f"{wanted.at_least}"), count >= wanted.at_least)]
    )


def _mounted(tree: Tree) -> Iterator[tuple[str, tuple[str, set[str]]]]:
    """Mount point, type and options; fstab wins over units."""
    name = find(tree, "tmp.mount")
    if name is not None and "tmp.mount" in enabled(tree):
        unit = settings(tree, name, "Mount")
        given = unit["Options"].value if "Options" in unit else ""
        yield "/tmp", ("tmpfs", set(given.replace("=", ",").split(",")))  # noqa: S108
    yield from ((where, ("tmpfs", options)) for where, options in _BY_SYSTEMD.items())
    for raw in (tree.text("/etc/fstab") or "").splitlines():
        fields = raw.split()
        if len(fields) >= 4 and not raw.lstrip().startswith("#"):
            where = fields[0] if fields[2] == "swap" else fields[1]
            yield where, (fields[2], set(fields[3].split(",")))


def _options(
    mounted: dict[str, tuple[str, set[str]]], wanted: Mounts
) -> Iterator[tuple[Evidence, bool]]:
    for where, options in wanted.options.items():
        if where in mounted:
            given = mounted[where][1]
            missing = [option for option in options if option not in given]
            text = f"without {', '.join(missing)}" if missing else ",".join(sorted(given))
            yield Evidence(where, text, ",".join(options)), not missing
