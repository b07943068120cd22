"""The measurements themselves, made from the table.

Each controller (and each application in a test) has its own registry; nothing
is global.  Counting is a dictionary look-up and an addition: what requests pay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from heliostat import __version__
from heliostat.controller.metrics import table
from heliostat.controller.metrics.table import GATHERED, METRICS, Metric, MetricKind
from heliostat.tasks.model import Task, TaskState

Sample = tuple[tuple[str, ...], float]
PLACING = "RESERVE_RESOURCE"
PLACED = "placed"


class Metrics:
    """All measurements of one controller."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # series that nobody reads
        self._registry = CollectorRegistry()
        self._counters: dict[Metric, Counter] = {}
        self._gauges: dict[Metric, Gauge] = {}
        self._histograms: dict[Metric, Histogram] = {}
        for metric in METRICS:
            self._make(metric)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self.gauge(table.BUILD).labels(__version__).set(1)
        self._commit_seconds = self.histogram(table.COMMIT_SECONDS)
        self.commit_outcome = cache(self.counter(table.COMMITS).labels)

    def counter(self, metric: Metric) -> Counter:
        return self._counters[metric]

    def gauge(self, metric: Metric) -> Gauge:
        return self._gauges[metric]

    def histogram(self, metric: Metric) -> Histogram:
        return self._histograms[metric]

    def committed(self, outcome: str, seconds: float) -> None:
        """A commit of the store ended."""
        self._commit_seconds.observe(seconds)
        self.commit_outcome(outcome).inc()

    def task_ended(self, task: Task) -> None:
        """A task ended here: how, after how long, and what became of its placement."""
        self.counter(table.TASKS_ENDED).labels(task.operation, task.state.value).inc()
        took_s = max(0, task.end_ms - task.queued_ms) / 1000
        self.histogram(table.TASK_SECONDS).labels(task.operation).observe(took_s)
        waited_s = max(0, task.started_ms - task.queued_ms) / 1000
        self.histogram(table.TASK_WAIT_SECONDS).observe(waited_s)
        for step in task.steps:
            if step.operation == PLACING and step.state.is_final:
                failed = step.state is TaskState.ERROR and step.errors
                outcome = step.errors[0].code if failed else PLACED
                self.counter(table.PLACEMENTS).labels(task.operation, outcome).inc()

    def replace(self, found: Mapping[Metric, Iterable[Sample]]) -> None:
        """Set what was gathered; labels that no longer occur are forgotten."""
        for metric in GATHERED:
            gauge = self.gauge(metric)
            if metric.labels:
                gauge.clear()
            for labels, value in found.get(metric, ()):
                (gauge.labels(*labels) if labels else gauge).set(value)

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _make(self, metric: Metric) -> None:
        match metric.kind:
            case MetricKind.COUNTER:
                self._counters[metric] = Counter(
                    metric.name, metric.help, metric.labels, registry=self._registry
                )
            case MetricKind.GAUGE:
                self._gauges[metric] = Gauge(
                    metric.name, metric.help, metric.labels, registry=self._registry
                )
            case MetricKind.HISTOGRAM:
                self._histograms[metric] = Histogram(
                    metric.name,
                    metric.help,
                    metric.labels,
                    registry=self._registry,
                    buckets=metric.buckets,
                )


class Meter:
    """The measurements of one operation's requests."""

    def __init__(self, metrics: Metrics, operation: str) -> None:
        self._operation = operation
        self._requests = metrics.counter(table.REQUESTS)
        self._all_seconds = metrics.histogram(table.REQUEST_SECONDS)
        self._seconds: Histogram | None = None
        self._by_status: dict[int, Counter] = {}

    def answered(self, status: int, seconds: float) -> None:
        counter = self._by_status.get(status)
        if counter is None:
            counter = self._requests.labels(self._operation, str(status))
            self._by_status[status] = counter
        counter.inc()
        if self._seconds is None:  # an operation that nobody asks for shows no empty buckets
            self._seconds = self._all_seconds.labels(self._operation)
        self._seconds.observe(seconds)
