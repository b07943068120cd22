"""The kernel: options it was built with, and the command line it is booted with."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from heliostat.os.harden.checks.finding import Finding, compared, not_applicable
from heliostat.os.harden.report import Evidence
from heliostat.os.harden.tree import Tree
from heliostat.os.harden.wanted import Wanted, require_sound, satisfies, told

_CONFIGS = ("/usr/lib/modules/*/config", "/usr/lib/modules/*/build/.config", "/boot/config-*")
_BOOT_MENUS = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/efi/loader/entries/*.conf")
_ENTRIES = ("/boot/loader/entries/*.conf", "/etc/kernel/cmdline", "/usr/lib/kernel/cmdline")
_LINUX = re.compile(r"^\s*(?:linux(?:16|efi)?\s+\S+|options)\s+(.*)$", re.M)


class KernelOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values by option without ``CONFIG_``; ``n`` is also what is not there."""

    options: dict[str, Wanted]

    def __post_init__(self) -> None:
        require_sound(self.options.values())


class CommandLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters that each boot entry has, or must not have."""

    wants: tuple[str, ...] = ()
    forbids: tuple[str, ...] = ()


def options(tree: Tree, wanted: KernelOptions) -> Finding:
    configs = [each.path for each in tree.matching(*_CONFIGS)]
    if not configs:
        return not_applicable("No kernel in the tree brings its configuration.")
    return compared("kernel options", _options(tree, configs, wanted))


def command_line(tree: Tree, wanted: CommandLine) -> Finding:
    found = list(_command_lines(tree))
    if not found:
        return not_applicable("The tree has no boot menu.")
    return compared("parameters", _parameters(found, wanted))


def _options(
    tree: Tree, configs: list[str], wanted: KernelOptions
) -> Iterator[tuple[Evidence, bool]]:
    for path in configs:
        granted = dict(_granted(tree.text(path) or ""))
        for name, value in wanted.options.items():
            found = granted.get(name, "n")
            yield Evidence(f"{path}: {name}", found, told(value)), satisfies(found, value)


def _granted(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.startswith("CONFIG_"):
            name, _, value = line[len("CONFIG_") :].partition("=")
            yield name, value.strip('"')


def _command_lines(tree: Tree) -> Iterator[tuple[str, list[str]]]:
    for entry in tree.matching(*_BOOT_MENUS, *_ENTRIES):
        text = tree.text(entry.path) or ""
        if entry.path.endswith("/cmdline"):
            yield entry.path, text.split()
            continue
        for line in _LINUX.findall(text):
            yield entry.path, line.split()


def _parameters(
    found: list[tuple[str, list[str]]], wanted: CommandLine
) -> Iterator[tuple[Evidence, bool]]:
    for path, words in found:
        for parameter in wanted.wants:
            told_value = "given" if parameter in words else "missing"
            yield Evidence(path, f"{parameter} is {told_value}", parameter), parameter in words
        for parameter in wanted.forbids:
            there = [
                word for word in words if word == parameter or word.startswith(f"{parameter}=")
            ]
            text = " ".join(there) or f"no {parameter}"
            yield Evidence(path, text, f"no {parameter}"), not there
