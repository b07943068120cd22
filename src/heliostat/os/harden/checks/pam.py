"""The stacks of PAM modules: which module stands where, with which arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from heliostat.os.harden.checks.finding import Finding, compared, not_applicable
from heliostat.os.harden.pamstack import Module, services, stack
from heliostat.os.harden.report import Evidence
from heliostat.os.harden.tree import Tree
from heliostat.os.harden.wanted import Wanted, require_sound, satisfies, told

Group = Literal["auth", "account", "password", "session"]


class Pam(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A module that is in the stack of each of the services that are there."""

    services: tuple[str, ...]
    group: Group
    module: str
    before: str | None = None
    """Another module that comes later."""
    arguments: dict[str, Wanted] = {}
    """By name; a bare word has the value ``""`` and is wanted as ``set`` or ``unset``."""

    def __post_init__(self) -> None:
        require_sound(self.arguments.values())


class PamForbidden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments that no service gives to these modules."""

    module: str
    arguments: tuple[str, ...]


class PamModules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Folders of the modules that stacks name without one."""

    folders: tuple[str, ...]


def judge(tree: Tree, wanted: Pam) -> Finding:
    stacks = ((name, stack(tree, name)) for name in wanted.services)
    there = [(name, modules) for name, modules in stacks if modules is not None]
    if not there:
        return not_applicable("None of the services is there.")
    pairs = [pair for name, modules in there for pair in _pairs(name, modules, wanted)]
    return compared("stacks", pairs)


def forbidden(tree: Tree, wanted: PamForbidden) -> Finding:
    lines = {
        (module.path, module)
        for service in services(tree)
        for module in stack(tree, service) or ()
        if module.name == wanted.module
    }
    if not lines:
        return not_applicable(f"No service uses {wanted.module}.")
    pairs = []
    for path, module in sorted(lines, key=lambda each: (each[0], each[1].group)):
        bad = sorted(set(wanted.arguments) & set(module.arguments))
        text = f"{module.group} {module.name} {' '.join(module.arguments)}".strip()
        pairs.append((Evidence(path, text, f"without {', '.join(wanted.arguments)}"), not bad))
    return compared(f"lines with {wanted.module}", pairs)


def installed(tree: Tree, wanted: PamModules) -> Finding:
    """A stack that names a missing module refuses everybody, or lets a check fall out."""
    named = {
        (module.path, module.module)
        for service in services(tree)
        for module in stack(tree, service) or ()
        if not module.optional
    }
    if not named:
        return not_applicable("There are no stacks.")
    pairs = (
        (
            Evidence(path, f"{module} is {'there' if there else 'missing'}", module),
            there,
        )
        for path, module in sorted(named)
        for there in (_is_there(tree, module, wanted.folders),)
    )
    return compared("modules in stacks", pairs)


def _is_there(tree: Tree, module: str, folders: tuple[str, ...]) -> bool:
    if module.startswith("/"):
        return tree.exists(module)
    return any(tree.exists(f"{folder}/{module}") for folder in folders)


def _pairs(service: str, modules: list[Module], wanted: Pam) -> Iterator[tuple[Evidence, bool]]:
    names = [each.name for each in modules if each.group == wanted.group]
    where = f"{service}: {wanted.group}"
    if wanted.module not in names:
        yield Evidence(where, f"no {wanted.module}", wanted.module), False
        return
    later = names[names.index(wanted.module) + 1 :]
    if wanted.before is not None and wanted.before in names and wanted.before not in later:
        text = f"{wanted.module} after {wanted.before}"
        yield Evidence(where, text, f"before {wanted.before}"), False
        return
    yield Evidence(where, wanted.module, wanted.module), True
    used = [each for each in modules if (each.group, each.name) == (wanted.group, wanted.module)]
    for key, value in wanted.arguments.items():
        given = _argument(used, key)
        text = f"{key} is not given" if given is None else f"{key}={given}" if given else key
        yield (
            Evidence(f"{where} {wanted.module}", text, f"{key} {told(value)}"),
            satisfies(given, value),
        )


def _argument(lines: list[Module], key: str) -> str | None:
    for line in lines:
        for argument in line.arguments:
            name, _, value = argument.partition("=")
            if name == key:
                return value
    return None
