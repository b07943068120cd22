"""A report as one HTML page: nothing is loaded from elsewhere, everything is escaped.

Failures are open, the rest unfolds; it prints well and follows the reader's dark mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from heliostat.os.harden.report import Outcome, Report, Verdict, worst_first
from heliostat.os.harden.telling import summary

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c62828; --good: #2e7d32; --dim: #777; }
@media (prefers-color-scheme: dark) { :root { --bad: #ef6f6c; --good: #81c784; --dim: #aaa; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
h1 + p { margin-top: .2rem; color: var(--dim); }
details { border-top: 1px solid var(--line); padding: .5rem 0; }
summary { cursor: pointer; display: grid; gap: .5rem;
  grid-template-columns: 4.5rem 5rem 14rem 1fr; }
summary code { color: var(--dim); }
.fail { color: var(--bad); font-weight: 600; }
.pass { color: var(--good); font-weight: 600; }
.n-a { color: var(--dim); }
table { border-collapse: collapse; margin: .5rem 0; width: 100%; }
th, td { text-align: left; padding: .15rem .8rem .15rem 0; vertical-align: top; }
th { font-weight: 600; border-bottom: 1px solid var(--line); }
td:first-child { min-width: 16rem; font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
.standards { color: var(--dim); font-size: .9rem; }
@media (max-width: 45rem) {
  summary { grid-template-columns: 4rem 5rem 1fr; }
  summary code { display: none; }
}
"""


def page(report: Report) -> str:
    """The whole page."""
    return "\n".join(_parts(report)) + "\n"


def _parts(report: Report) -> Iterator[str]:
    title = f"Audit of {escape(report.subject)}"
    yield "<!doctype html>"
    yield f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<style>{_STYLE}</style></head><body>"
    yield f"<h1>{title}</h1><p>{escape(report.system)}</p>"
    yield f"<p>{escape(summary(report))}</p>"
    for verdict in worst_first(report.verdicts):
        yield from _rule(verdict)
    yield "</body></html>"


def _rule(verdict: Verdict) -> Iterator[str]:
    failed = verdict.outcome is Outcome.FAIL
    told = "n-a" if verdict.outcome is Outcome.NOT_APPLICABLE else verdict.outcome.value
    yield f'<details id="{escape(verdict.rule)}"{" open" if failed else ""}><summary>'
    yield f'<span class="{told}">{told.replace("-", "/")}</span><span>{verdict.severity}</span>'
    yield f"<code>{escape(verdict.rule)}</code><span>{escape(verdict.title)}</span></summary>"
    yield f"<p>{escape(verdict.summary)}</p>"
    rows = [(each.path, each.found, each.wanted) for each in verdict.evidence]
    yield from _table(("Where", "Found", "Wanted"), rows)
    if verdict.excused:
        yield "<p>Excused by name:</p>"
        excused = [
            (each.evidence.path, each.evidence.found, f"{each.reason} (until {each.until})")
            for each in verdict.excused
        ]
        yield from _table(("Where", "Found", "Reason"), excused)
    if failed:
        yield f"<p><b>To do:</b> {escape(verdict.remediation)}</p>"
    if verdict.standards:
        yield f'<p class="standards">{escape(", ".join(verdict.standards))}</p>'
    yield "</details>"


def _table(titles: Iterable[str], rows: list[tuple[str, str, str]]) -> Iterator[str]:
    if not rows:
        return
    heads = "".join(f"<th>{title}</th>" for title in titles)
    yield f"<table><tr>{heads}</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</table>"
