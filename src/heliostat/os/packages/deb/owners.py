"""Names of users and groups: a tar may give only numbers.

The numbers are Debian's fixed ones (Debian Policy, 9.2.2), which every package may use
without making the account itself.
"""

from __future__ import annotations

from heliostat.core.errors import HeliostatError

USERS: dict[int, str] = {
    0: "root", 1: "daemon", 2: "bin", 3: "sys", 4: "sync", 5: "games", 6: "man", 7: "lp",
    8: "mail", 9: "news", 10: "uucp", 13: "proxy", 33: "www-data", 34: "backup", 38: "list",
    39: "irc", 42: "_apt", 65534: "nobody",
}  # fmt: skip
GROUPS: dict[int, str] = {
    0: "root", 1: "daemon", 2: "bin", 3: "sys", 4: "adm", 5: "tty", 6: "disk", 7: "lp",
    8: "mail", 9: "news", 10: "uucp", 12: "man", 13: "proxy", 15: "kmem", 20: "dialout",
    21: "fax", 22: "voice", 24: "cdrom", 25: "floppy", 26: "tape", 27: "sudo", 29: "audio",
    30: "dip", 33: "www-data", 34: "backup", 37: "operator", 38: "list", 39: "irc", 40: "src",
    42: "shadow", 43: "utmp", 44: "video", 45: "sasl", 46: "plugdev", 50: "staff",
    60: "games", 100: "users", 65534: "nogroup",
}  # fmt: skip


def name_of(name: str, number: int, fixed: dict[int, str], path: str) -> str:
    """The name in the tar, else the one that belongs to the number."""
    found = name or fixed.get(number)
    if found is None:
        raise HeliostatError(
            "ImportRefused",
            f"{path} belongs to the number {number}, which has no fixed name.",
            hint=f"Name its owner in distro/policy: `owners: {{{path}: {{user: …, group: …}}}}`.",
        )
    return found
