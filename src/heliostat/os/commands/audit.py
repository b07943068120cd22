"""``helio os audit``: a system against the hardening rules.

Exit code 0: no rule at or above ``--fail-on`` fails; 1: at least one does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from heliostat.os.commands.inventory_subject import WHERE
from heliostat.os.commands.options import chosen_output


@click.command(name="audit")
@click.argument("subject", metavar="IMAGE|TREE", type=WHERE)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "html"]),
    callback=chosen_output,
    help="How the report is printed (default: table).",
)
@click.option(
    "--rules", type=click.Path(path_type=Path), help="Folder of rules (default: distro/audit)."
)
@click.option("--only", multiple=True, metavar="RULE", help="Look at these rules only.")
@click.option(
    "--fail-on",
    type=click.Choice(["low", "medium", "high", "never"]),
    default="low",
    show_default=True,
    help="Exit with 1 when a rule of at least this severity fails.",
)
@click.option("--evidence", default=10, show_default=True, help="Places told for a failed rule.")
def audit_command(
    subject: Path,
    output: str,
    rules: Path | None,
    only: tuple[str, ...],
    fail_on: str,
    evidence: int,
) -> None:
    """Check a folder with a root tree, a disk image, or a built image by its name, against
    the hardening rules.

    Nothing of the system is run or changed.  Rules and named exceptions are the files of
    distro/audit.
    """
    from heliostat.os.extraction import opened
    from heliostat.os.harden.audit import audit
    from heliostat.os.harden.exemptions import load_exemptions
    from heliostat.os.harden.page import page
    from heliostat.os.harden.report import Severity
    from heliostat.os.harden.rules import chosen, load_rules
    from heliostat.os.harden.telling import lines, values
    from heliostat.os.harden.tree import Tree
    from heliostat.os.monitor import monitor_for

    known = load_rules(rules)
    wanted = chosen(known, only)
    exceptions = load_exemptions(rules, {rule.id for rule in known})
    monitor = monitor_for(sys.stderr)
    with monitor.step(f"Opening {subject}"), opened(subject) as system:
        tree = Tree(system.root, system.capabilities)
        report = audit(tree, wanted, exceptions, subject=system.subject)
    if output == "json":
        click.echo(json.dumps(values(report), indent=2))
    elif output == "html":
        click.echo(page(report), nl=False)
    else:
        click.echo("\n".join(lines(report, shown=evidence)))
    if fail_on != "never" and report.failed_from(Severity(fail_on)):
        raise click.exceptions.Exit(1)
