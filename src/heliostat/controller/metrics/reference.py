"""The reference page of the metrics, from their table.

``python -m heliostat.controller.metrics.reference`` prints it.
"""

from __future__ import annotations

import sys

from heliostat.controller.metrics.table import GATHERED, METRICS

_INTRODUCTION = """\
# Metrics

Generated from the table by `python -m heliostat.controller.metrics.reference`.

`GET /metrics` answers them in Prometheus' text format, to system administrators. For a scraper
on the same machine, the setting `metrics.port` opens a port on 127.0.0.1 that needs no token:

```
[metrics]
port = 9105
```

Metrics of the *site* are read from the store at each scrape and are the same on every controller:
take the maximum, not the sum. Those of the *controller* count what this process did since it
started: sum their rates. Beside them are the usual ones of the Python client: `process_*`,
`python_info` and `python_gc_*`.

| metric | kind | labels | of | meaning |
|---|---|---|---|---|
"""


def render() -> str:
    """The page as Markdown."""
    rows = []
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
        whose = "site" if metric in GATHERED else "controller"
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {whose} | {metric.help} |\n")
    return _INTRODUCTION + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(render())
