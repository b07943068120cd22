"""The table of metrics: named as Prometheus wants them, and documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.controller.metrics import reference
from heliostat.controller.metrics.table import GATHERED, METRICS, Metric, MetricKind

COMMITTED = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


def test_committed_page_is_current() -> None:
    """Renew it with ``make docs``."""
    assert COMMITTED.read_text() == reference.render()


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Metric) -> None:
    assert metric.name.startswith("heliostat_")
    assert metric.name.endswith("_total") == (metric.kind is MetricKind.COUNTER)
    assert bool(metric.buckets) == (metric.kind is MetricKind.HISTOGRAM)
    assert list(metric.buckets) == sorted(metric.buckets)
    assert metric.help.endswith(".")
    if metric.kind is MetricKind.HISTOGRAM:
        assert metric.name.endswith("_seconds")
    assert not {"le", "id"} & set(metric.labels)


def test_no_metric_is_declared_twice() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert set(METRICS) >= GATHERED
    assert all(metric.kind is MetricKind.GAUGE for metric in GATHERED)
