"""Rules of the audit as data: ``distro/audit/*.yaml``, one file a subject.

A rule has exactly one check, named by its key; the check's parameters are its value.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.os.data import load
from heliostat.os.harden.checks import CHECKS, Check
from heliostat.os.harden.checks.auditing import AuditRules
from heliostat.os.harden.checks.binaries import Elf, ElfShare
from heliostat.os.harden.checks.configuration import Lines, Settings
from heliostat.os.harden.checks.files import (
    Absent,
    Capabilities,
    Mode,
    Owners,
    Present,
    SetId,
    Unowned,
    WorldWritable,
)
from heliostat.os.harden.checks.firewall import Firewall
from heliostat.os.harden.checks.identities import Accounts
from heliostat.os.harden.checks.kernel import CommandLine, KernelOptions
from heliostat.os.harden.checks.mounting import Certificates, Mounts
from heliostat.os.harden.checks.pam import Pam, PamForbidden, PamModules
from heliostat.os.harden.checks.ssh import Ssh, SshAlgorithms
from heliostat.os.harden.checks.sysctls import Sysctls
from heliostat.os.harden.checks.units import EnabledUnits, Listening, Units
from heliostat.os.harden.report import Severity
from heliostat.os.image.distro import locate_distro

_ITEMS = {
    "cis": re.compile(r"[1-7](\.[1-9]\d?){2,4}"),
    "stig": re.compile(r"SRG-OS-\d{6}-GPOS-\d{5}"),
    "pci_dss": re.compile(r"(1[0-2]|[1-9])(\.[1-9]\d?){2,3}"),
}


class Standards(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Items of published standards that a rule answers, where it does."""

    cis: tuple[str, ...] = ()
    """CIS Debian Linux 13 Benchmark 1.0.0."""
    stig: tuple[str, ...] = ()
    """DISA General Purpose Operating System SRG, version 3 release 3."""
    pci_dss: tuple[str, ...] = ()
    """PCI DSS 4.0.1 requirements."""

    def __post_init__(self) -> None:
        for name, form in _ITEMS.items():
            for item in getattr(self, name):
                if form.fullmatch(item) is None:
                    raise ValueError(f"{item!r} is no item of {name}")

    def told(self) -> tuple[str, ...]:
        return (
            *(f"CIS {item}" for item in self.cis),
            *(f"STIG {item}" for item in self.stig),
            *(f"PCI DSS {item}" for item in self.pci_dss),
        )


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One promise about a system and how it is looked after."""

    id: str
    title: str
    remediation: str
    severity: Severity = Severity.MEDIUM
    needs: tuple[str, ...] = ()
    """Patterns of paths without any of which the rule does not apply."""
    standards: Standards = Standards()

    elf: Elf | None = None
    elf_share: ElfShare | None = None
    modes: dict[str, Mode] | None = None
    set_id: SetId | None = None
    capabilities: Capabilities | None = None
    world_writable: WorldWritable | None = None
    unowned: Unowned | None = None
    owners: Owners | None = None
    absent: Absent | None = None
    present: Present | None = None
    signed_packages: Owners | None = None
    accounts: Accounts | None = None
    sysctl: Sysctls | None = None
    ssh: Ssh | None = None
    ssh_algorithms: SshAlgorithms | None = None
    pam: Pam | None = None
    pam_forbidden: PamForbidden | None = None
    pam_modules: PamModules | None = None
    settings: Settings | None = None
    lines: Lines | None = None
    units: Units | None = None
    enabled_units: EnabledUnits | None = None
    listening: Listening | None = None
    audit_rules: AuditRules | None = None
    firewall: Firewall | None = None
    kernel_options: KernelOptions | None = None
    command_line: CommandLine | None = None
    mounts: Mounts | None = None
    certificates: Certificates | None = None

    @property
    def kinds(self) -> list[str]:
        return [kind for kind in CHECKS if getattr(self, kind) is not None]

    @property
    def check(self) -> tuple[Check, object]:
        """The function that looks and its parameters."""
        kind = self.kinds[0]
        return CHECKS[kind], getattr(self, kind)


class RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of rules."""

    rules: tuple[Rule, ...]


def load_rules(folder: Path | None = None) -> tuple[Rule, ...]:
    """Rules of all files in ``folder`` (``distro/audit``), in the order of files and lines."""
    place = folder or locate_distro() / "audit"
    files = sorted(path for path in place.glob("*.yaml") if path.name != "exceptions.yaml")
    if not files:
        raise _invalid(f"There are no rules in {place}.")
    found = []
    for path in files:
        for rule in load(path, RuleFile).rules:
            if len(rule.kinds) != 1:
                told = " and ".join(rule.kinds) or "none"
                raise _invalid(f"{path}: the rule {rule.id!r} needs one check, it has {told}.")
            found.append(rule)
    twice = [name for name, count in Counter(rule.id for rule in found).items() if count > 1]
    if twice:
        raise _invalid(f"{place}: the rule {twice[0]!r} is there twice.")
    return tuple(found)


def chosen(rules: Sequence[Rule], names: Sequence[str]) -> tuple[Rule, ...]:
    """The rules of these names, or all; an unknown name is an error that tells the nearest."""
    known = {rule.id: rule for rule in rules}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            told = f"did you mean {near[0]!r}?" if near else "none is similar."
            raise _invalid(f"There is no rule {name!r}; {told}")
    return tuple(known[name] for name in names) if names else tuple(rules)


def _invalid(sentence: str) -> HeliostatError:
    return HeliostatError(
        "InvalidSetting", sentence, hint="Correct the file, or name another folder."
    )
