"""``helio os``: one module a noun, imported when that noun is named.

``NOUNS`` is the table of them, in the order of the help: packages come in, lie in
repositories, become trees and images, and are looked into.
"""

from __future__ import annotations

import importlib
from typing import NamedTuple

import click


class Noun(NamedTuple):
    """A command: its module in this package, its name in there, and one line of help."""

    module: str
    attribute: str
    summary: str


NOUNS: dict[str, Noun] = {
    "source": Noun("source", "source_group", "Archives that packages come from."),
    "import": Noun("importing", "import_command", "Turn packages of an archive into RPMs."),
    "build": Noun("build", "build_command", "Build packages from source."),
    "kernel": Noun("kernel", "kernel_group", "The kernel of our own."),
    "repo": Noun("repo", "repo_group", "Signed repositories of packages."),
    "key": Noun("key", "key_group", "Keys that packages and repositories are signed with."),
    "package": Noun("package", "package_group", "Package files: look into, sign, check them."),
    "edition": Noun("edition", "edition_group", "Editions: what a system is composed of."),
    "tree": Noun("tree", "tree_group", "Root trees composed from packages."),
    "image": Noun("image", "image_group", "Images that boot by themselves."),
    "cache": Noun("cache", "cache_group", "What can be made again: how much it is, less of it."),
    "audit": Noun("audit", "audit_command", "Check a system against the hardening rules."),
    "cve": Noun("cve", "cve_group", "Known vulnerabilities in a system or in packages."),
    "why": Noun("why", "why_command", "Name package, source and signer of a file."),
    "diff": Noun("diff", "diff_command", "List what differs between two systems."),
    "sbom": Noun("sbom", "sbom_command", "Write the bill of materials of a system."),
}


class _Nouns(click.Group):
    """Imports a noun's module when the noun is named; its help imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        noun = NOUNS.get(cmd_name)
        if noun is None:
            return None
        found = getattr(importlib.import_module(f"{__name__}.{noun.module}"), noun.attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, NOUNS[name].summary) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


os_group = _Nouns(name="os", help="Build the operating system.", no_args_is_help=True)
