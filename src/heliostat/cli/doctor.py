"""``helio doctor``: is everything as it should be, and if not, mend it."""

from __future__ import annotations

from itertools import groupby

import click

from heliostat.cli import options
from heliostat.cli.carrying import carry_out
from heliostat.cli.failures import REFUSED
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.session import Session
from heliostat.wire.doctor import Checkup


@click.command("doctor", cls=Verb)
@click.option("--repair", is_flag=True, help="Repair what can be repaired, as a task.")
@options.task
@pass_session
def doctor(session: Session, repair: bool) -> int:
    """Compare all documents with each other and with what the agents see.

    Exits with 0 only if nothing is wrong.  --repair --plan shows what would be done.
    """
    if repair:
        carry_out(session, session.client.upkeep.repair())
        return 0
    found = session.client.upkeep.check()
    if session.output.json:
        session.output.value(found)
    else:
        _tell(session, found)
    return REFUSED if found.findings or found.repairs else 0


def _tell(session: Session, found: Checkup) -> None:
    out = session.output
    for area, findings in groupby(found.findings, key=lambda each: each.area):
        out.line(f"{area}:")
        for each in findings:
            out.line(f"  {each.message}")
            if each.hint:
                out.line(f"    hint: {each.hint}")
    if found.repairs:
        out.line("A repair would:")
        for sentence in found.repairs:
            out.line(f"  {sentence}")
        out.note("`helio doctor --repair` does that.")
    if not found.findings and not found.repairs:
        out.line(f"{found.documents} documents at revision {found.revision}: nothing is wrong.")
