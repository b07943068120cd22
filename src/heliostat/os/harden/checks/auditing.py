"""Rules of the kernel's audit, as ``augenrules`` would load them (audit.rules(7))."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import msgspec

from heliostat.os.harden.checks.finding import Finding, compared, not_applicable
from heliostat.os.harden.report import Evidence
from heliostat.os.harden.tree import Tree


class AuditRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must be watched."""

    watches: dict[str, str] = {}
    """Accesses (of ``rwxa``) by path; a watch on the folder above counts."""
    calls: tuple[str, ...] = ()
    """System calls that some rule names."""


def judge(tree: Tree, wanted: AuditRules) -> Finding:
    if not tree.exists("/usr/sbin/auditd") and not tree.exists("/etc/audit"):
        return not_applicable("The audit daemon is not installed.")
    lines = list(_lines(tree))
    watches = list(_watches(lines))
    pairs = []
    for path, accesses in wanted.watches.items():
        above = set(_and_above(path))
        found = "".join(sorted({one for each, them in watches if each in above for one in them}))
        right = set(accesses) <= set(found)
        pairs.append((Evidence(path, found or "not watched", f"watched for {accesses}"), right))
    calls = {call for words in lines for call in _values(words, "-S")}
    for call in wanted.calls:
        told = "recorded" if call in calls else "not recorded"
        pairs.append((Evidence(call, told, "recorded"), call in calls))
    return compared("watches and calls", pairs)


def _lines(tree: Tree) -> Iterator[list[str]]:
    """Words of each rule; ``audit.rules`` is what the files of ``rules.d`` are joined to."""
    paths = tree.files_in("/etc/audit/rules.d", ".rules") or ["/etc/audit/audit.rules"]
    for path in paths:
        for raw in (tree.text(path) or "").splitlines():
            line = raw.strip()
            if line and not line.startswith("#"):
                yield _words(line)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # an open quotation mark: auditctl takes it as it stands
        return line.split()


def _watches(lines: list[list[str]]) -> Iterator[tuple[str, str]]:
    for words in lines:
        if any(
            "never" in told.split(",") for told in (*_values(words, "-a"), *_values(words, "-A"))
        ):
            continue  # what it names is what is not recorded
        fields = dict(value.split("=", 1) for value in _values(words, "-F") if "=" in value)
        path = next(iter(_values(words, "-w")), None) or fields.get("path") or fields.get("dir")
        accesses = next(iter(_values(words, "-p")), None) or fields.get("perm", "rwxa")
        if path is not None:
            yield path.rstrip("/") or "/", accesses


def _values(words: list[str], option: str) -> list[str]:
    """All that follows ``option``, lists with commas taken apart for system calls."""
    found = [words[at + 1] for at, word in enumerate(words[:-1]) if word == option]
    return [each for value in found for each in value.split(",")] if option == "-S" else found


def _and_above(path: str) -> Iterator[str]:
    at = path.rstrip("/")
    while at:
        yield at
        at = at.rpartition("/")[0]
