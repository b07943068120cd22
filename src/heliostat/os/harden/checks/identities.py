"""Accounts: nobody without a password, nobody twice, root locked, services without a shell."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

import msgspec

from heliostat.os.harden.accounts import Account, accounts, groups
from heliostat.os.harden.checks.finding import Finding, compared, judged, not_applicable
from heliostat.os.harden.report import Evidence
from heliostat.os.harden.tree import Tree

_FIRST_PERSON = 1000
_NO_SHELLS = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false", "/bin/sync")
_STRONG = ("$y$", "$gy$", "$6$", "$5$", "$2b$", "$2y$", "$7$")


class State(StrEnum):
    """What is asked of accounts."""

    ROOT_LOCKED = "root-locked"
    NO_EMPTY_PASSWORD = "no-empty-password"  # noqa: S105 - the name of a rule
    NO_PASSWORD = "no-password"  # noqa: S105
    STRONG_HASH = "strong-hash"
    SHADOWED = "shadowed"
    ONE_ROOT = "one-root"
    UNIQUE = "unique"
    SYSTEM_WITHOUT_SHELL = "system-without-shell"


class Accounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which state the accounts of the tree are in."""

    state: State


def judge(tree: Tree, wanted: Accounts) -> Finding:
    found = accounts(tree)
    if not found:
        return not_applicable("The tree has no /etc/passwd.")
    if wanted.state is State.UNIQUE:
        return _unique(tree, found)
    chosen = [each for each in found if wanted.state is not State.ROOT_LOCKED or each.uid == 0]
    return compared(
        "accounts", [(_evidence(each, wanted.state), _right(each, wanted.state)) for each in chosen]
    )


def _right(account: Account, state: State) -> bool:
    password = account.password
    match state:
        case State.ROOT_LOCKED:
            return account.locked
        case State.NO_EMPTY_PASSWORD:
            return password != ""
        case State.NO_PASSWORD:
            return account.locked or password is None
        case State.STRONG_HASH:
            return account.locked or not password or password.startswith(_STRONG)
        case State.SHADOWED:
            return password is not None and not account.in_passwd
        case State.ONE_ROOT:
            return (account.uid == 0) == (account.name == "root")
        case _:
            system = 0 < account.uid < _FIRST_PERSON
            return not system or account.shell in _NO_SHELLS


def _evidence(account: Account, state: State) -> Evidence:
    wanted = {
        State.ROOT_LOCKED: "locked",
        State.NO_EMPTY_PASSWORD: "a password, or locked",
        State.NO_PASSWORD: "locked",
        State.STRONG_HASH: "yescrypt or SHA-512",
        State.SHADOWED: "a line in /etc/shadow",
        State.ONE_ROOT: "number 0 for root alone",
    }.get(state, "no shell")
    if state is State.ONE_ROOT:
        return Evidence(account.name, f"number {account.uid}", wanted)
    if state is State.SYSTEM_WITHOUT_SHELL:
        return Evidence(account.name, account.shell, wanted)
    return Evidence(account.name, _password_told(account), wanted)


def _password_told(account: Account) -> str:
    """Never the hash itself."""
    if account.password is None:
        return "no line in /etc/shadow"
    if account.in_passwd:
        return "its password stands in /etc/passwd" if account.password else "no password"
    if account.locked:
        return "locked"
    return f"a password hashed as {account.password[:3]}…" if account.password else "no password"


def _unique(tree: Tree, found: list[Account]) -> Finding:
    names = Counter(each.name for each in found)
    numbers = Counter(each.uid for each in found)
    group_list = groups(tree)
    group_names = Counter(name for name, _ in group_list)
    group_numbers = Counter(number for _, number in group_list)
    broken = [
        Evidence(str(what), f"{count} {kind}", "one")
        for kind, counted in (
            ("users of this name", names),
            ("users of this number", numbers),
            ("groups of this name", group_names),
            ("groups of this number", group_numbers),
        )
        for what, count in counted.items()
        if count > 1
    ]
    return judged("users and groups", broken, (), len(found) + len(group_list))
