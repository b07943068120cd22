"""What sshd allows: the effective value of each setting, ``Match`` blocks included."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from heliostat.os.harden import sshd
from heliostat.os.harden.checks.finding import Finding, compared, not_applicable
from heliostat.os.harden.report import Evidence
from heliostat.os.harden.tree import Tree
from heliostat.os.harden.wanted import Wanted, require_sound, satisfies, told


class Ssh(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values by setting, in sshd's spelling."""

    settings: dict[str, Wanted]

    def __post_init__(self) -> None:
        require_sound(self.settings.values())


class SshAlgorithms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Algorithms that must not be offered, by setting (``Ciphers``, ``MACs`` …)."""

    forbidden: dict[str, tuple[str, ...]]


def judge(tree: Tree, wanted: Ssh) -> Finding:
    found = sshd.effective(tree)
    if found is None:
        return not_applicable("No SSH server is installed.")
    return compared("settings of sshd", _pairs(found, wanted))


def algorithms(tree: Tree, wanted: SshAlgorithms) -> Finding:
    """Lines that bring back what OpenSSH no longer offers by itself."""
    found = sshd.effective(tree)
    if found is None:
        return not_applicable("No SSH server is installed.")
    pairs = []
    for key, forbidden in wanted.forbidden.items():
        line = found.value(key)
        offered = {} if line.value.startswith("-") else set(line.value.lstrip("+^").split(","))
        weak = sorted(set(forbidden) & set(offered))
        told_value = f"offers {', '.join(weak)}" if weak else (line.value or "OpenSSH's own choice")
        pairs.append(
            (Evidence(key, f"{told_value} ({line.path})", "none that is broken"), not weak)
        )
    return compared("lists of algorithms", pairs)


def _pairs(found: sshd.Configuration, wanted: Ssh) -> Iterator[tuple[Evidence, bool]]:
    for key, value in wanted.settings.items():
        line = found.value(key)
        text = f"{line.value} ({line.path})"
        yield Evidence(key, text, told(value)), satisfies(line.value, value)
    by_name = {key.lower(): (key, value) for key, value in wanted.settings.items()}
    for block, line in found.matched:
        if line.key in by_name and not satisfies(line.value, by_name[line.key][1]):
            key, value = by_name[line.key]
            text = f"{line.value} for Match {block} ({line.path})"
            yield Evidence(key, text, told(value)), False
