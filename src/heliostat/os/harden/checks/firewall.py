"""The packet filter's rules as they are loaded at boot (nftables, or iptables-save files).

The text is read, not evaluated: base chains with their policies, the ports that some rule
accepts, and rules that accept more than ports.  That is enough for "drop unless named", which
is what the rule asks; chains that one jumps to aren't followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from heliostat.os.harden.checks.finding import Finding, compared
from heliostat.os.harden.report import Evidence
from heliostat.os.harden.tree import Tree

_NFT_FILES = ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf")
_NFT_FOLDERS = ("/etc/nftables.d", "/etc/nftables", "/usr/lib/nftables.d")
_SAVED = ("/etc/iptables/rules.v4", "/etc/sysconfig/iptables", "/etc/systemd/scripts/ip4save")
_BASE = re.compile(r"type\s+filter\s+hook\s+(\w+)[^;{}]*;(?:\s*policy\s+(\w+)\s*;)?")
_PORTS = re.compile(r"(tcp|udp)\s+dport\s+((?:!=\s*)?(?:\{[^}]*\}|@?[\w-]+))[^\n;]*\baccept\b")
_INPUT = re.compile(r"type\s+filter\s+hook\s+input\b[^;{}]*;")
_ADDED_RULE = re.compile(r"^\s*(?:add|insert)\s+rule\s+(?:\w+\s+)?\w+\s+input\s+(.*)$", re.M)
_SAVED_RULE = re.compile(r"^-[AI] INPUT (.*-j ACCEPT.*)$", re.M)
# What a rule that accepts has to ask for: a port (judged by itself), control messages,
# this machine itself, or what belongs to something that is there
_NARROW = re.compile(
    r"\bdport\b|--dports?\b|\bicmp|\blo\b|(?:ct state|state) [^\n]*\b(?:established|related)\b",
    re.I,
)
_NEW = re.compile(r"\b(?:new|untracked|invalid)\b", re.I)
_SET = re.compile(r"set\s+(\w+)\s*\{(?P<body>(?:[^{}]|\{[^}]*\})*)\}")
_ELEMENTS = re.compile(r"elements\s*=\s*\{([^}]*)\}")
_ADDED = re.compile(r"add\s+element\s+\w+\s+\w+\s+(\w+)\s*\{([^}]*)\}")
_SAVED_POLICY = re.compile(r"^:(INPUT|FORWARD|OUTPUT) (\w+)", re.M)
_SAVED_PORT = re.compile(r"^-A INPUT .*-p (tcp|udp)\b.*--dports? ([\d,:]+).*-j ACCEPT", re.M)
_NAMED_PORTS = {"ssh": "22", "http": "80", "https": "443", "dhcpv6-client": "546"}


class Firewall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Policies of the base chains, and the ports that may be accepted."""

    policies: dict[str, str]
    ports: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Files of rules besides the usual ones; where one is, nftables.conf is not loaded."""


def judge(tree: Tree, wanted: Firewall) -> Finding:
    text, place = _text(tree, wanted.files)
    policies = dict(_policies(text))
    pairs = [
        (
            Evidence(chain, f"{policies.get(chain, 'no chain: accept')} ({place})", policy),
            policies.get(chain) == policy,
        )
        for chain, policy in wanted.policies.items()
    ]
    pairs += [
        (
            Evidence(port, f"accepted ({place})", "only " + ", ".join(wanted.ports)),
            port in wanted.ports,
        )
        for port in sorted(set(_ports(text)))
    ]
    pairs += [
        (Evidence(rule, f"accepts more than ports ({place})", "named ports only"), False)
        for rule in _wide(text)
    ]
    return compared("chains and ports", pairs)


def _text(tree: Tree, own: tuple[str, ...]) -> tuple[str, str]:
    """All rules without comments, and where they are."""
    paths = [path for path in own if tree.text(path) is not None]
    paths = paths or [path for path in _NFT_FILES if tree.text(path) is not None]
    paths += [path for folder in _NFT_FOLDERS for path in tree.files_in(folder)]
    paths += [path for path in _SAVED if tree.text(path) is not None]
    lines = (line for path in paths for line in (tree.text(path) or "").splitlines())
    return "\n".join(line.partition("#")[0] for line in lines), ", ".join(paths) or "no rules"


def _policies(text: str) -> Iterator[tuple[str, str]]:
    for chain, policy in _BASE.findall(text):
        yield chain, policy or "accept"
    for chain, policy in _SAVED_POLICY.findall(text):
        yield chain.lower(), policy.lower()


def _ports(text: str) -> Iterator[str]:
    sets = _sets(text)
    for protocol, ports in _PORTS.findall(text):
        listed = sets.get(ports[1:], []) if ports.startswith("@") else ports.strip("{} ").split(",")
        for port in listed:
            name = port.strip()
            yield f"{_NAMED_PORTS.get(name, name)}/{protocol}"
    for protocol, ports in _SAVED_PORT.findall(text):
        for port in ports.split(","):
            yield f"{port}/{protocol}"


def _wide(text: str) -> Iterator[str]:
    """Rules for what comes in that accept whatever port it is for."""
    statements = [each for match in _INPUT.finditer(text) for each in _chain(text, match.end())]
    for rule in (*statements, *_ADDED_RULE.findall(text)):
        if re.search(r"\baccept$", rule.strip()) and not _is_narrow(rule):
            yield rule.strip()
    yield from (rule for rule in _SAVED_RULE.findall(text) if not _is_narrow(rule))


def _is_narrow(rule: str) -> bool:
    found = _NARROW.search(rule)
    return found is not None and _NEW.search(found[0]) is None


def _chain(text: str, start: int) -> Iterator[str]:
    """Statements from ``start`` to the brace that ends the chain; braces of sets stay in them."""
    depth, begun = 0, start
    for at in range(start, len(text)):
        character = text[at]
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0 or (depth == 0 and character in ";\n"):
            yield text[begun:at]
            begun = at + 1
        if depth < 0:
            return


def _sets(text: str) -> dict[str, list[str]]:
    """Elements of each named set, those that other files add included."""
    found = {
        name: [each for group in _ELEMENTS.findall(body) for each in group.split(",")]
        for name, body in _SET.findall(text)
    }
    for name, elements in _ADDED.findall(text):
        found.setdefault(name, []).extend(elements.split(","))
    return {name: [each.strip() for each in listed] for name, listed in found.items()}
