"""Every metric: its name, kind, labels and meaning, one row each.

The registry is built from this table and so is the reference page, so a metric
can't exist without its description.  Names follow Prometheus: base units, and
``_total`` for what only grows.  Labels have few values: operations, states,
codes; projects are bounded by a setting.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class MetricKind(StrEnum):
    """What a metric is to Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(NamedTuple):
    """One metric; ``buckets`` are a histogram's upper bounds, in its own unit."""

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
TASK_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)

REQUESTS = Metric(
    "heliostat_api_requests_total",
    MetricKind.COUNTER,
    ("operation", "status"),
    "Requests answered, by operation and HTTP status.",
)
REQUEST_SECONDS = Metric(
    "heliostat_api_request_duration_seconds",
    MetricKind.HISTOGRAM,
    ("operation",),
    "Time from a request's head to the end of its answer; uploads and consoles last long.",
    REQUEST_BUCKETS,
)
EVENT_READERS = Metric(
    "heliostat_event_readers",
    MetricKind.GAUGE,
    (),
    "Streams of events that are open on this controller.",
)
TASKS_ENDED = Metric(
    "heliostat_tasks_ended_total",
    MetricKind.COUNTER,
    ("operation", "state"),
    "Tasks that ended on this controller, by operation and state (COMPLETED, ERROR).",
)
TASK_SECONDS = Metric(
    "heliostat_task_duration_seconds",
    MetricKind.HISTOGRAM,
    ("operation",),
    "Time from a task's admission to its end.",
    TASK_BUCKETS,
)
TASK_WAIT_SECONDS = Metric(
    "heliostat_task_wait_seconds",
    MetricKind.HISTOGRAM,
    (),
    "Time that tasks waited for a worker.",
    TASK_BUCKETS,
)
TASKS_OPEN = Metric(
    "heliostat_tasks_open",
    MetricKind.GAUGE,
    ("state",),
    "Tasks that have not ended, by state (QUEUED: the queue's depth), on the whole site.",
)
TASKS_STALLED = Metric(
    "heliostat_tasks_stalled",
    MetricKind.GAUGE,
    (),
    "Open tasks that make no progress, on the whole site.",
)
PLACEMENTS = Metric(
    "heliostat_placements_total",
    MetricKind.COUNTER,
    ("operation", "outcome"),
    "Reservations of a place for a VM or disk: placed, or the code of the error.",
)
COMMITS = Metric(
    "heliostat_store_commits_total",
    MetricKind.COUNTER,
    ("outcome",),
    "Commits: done, guard_failed (somebody else was first), or failed.",
)
COMMIT_SECONDS = Metric(
    "heliostat_store_commit_duration_seconds",
    MetricKind.HISTOGRAM,
    (),
    "Time until a commit was durable, or refused.",
    COMMIT_BUCKETS,
)
STORE_REVISION = Metric(
    "heliostat_store_revision",
    MetricKind.GAUGE,
    (),
    "Revision of the latest commit; its rate is the site's commits a second.",
)
STORE_BYTES = Metric(
    "heliostat_store_size_bytes",
    MetricKind.GAUGE,
    (),
    "Size of the store's files on disk.",
)
AGENTS = Metric(
    "heliostat_agents",
    MetricKind.GAUGE,
    ("state",),
    "Agents of hosts that have joined, by state: connected or missing.",
)
HOSTS = Metric("heliostat_hosts", MetricKind.GAUGE, ("state",), "Hosts by state.")
VMS = Metric("heliostat_vms", MetricKind.GAUGE, ("state",), "VMs by state.")
DISKS = Metric("heliostat_disks", MetricKind.GAUGE, ("state",), "Persistent disks by state.")
IMAGES = Metric("heliostat_images", MetricKind.GAUGE, ("state",), "Images by state.")
QUOTA_USED = Metric(
    "heliostat_quota_used",
    MetricKind.GAUGE,
    ("tenant", "project", "key", "unit"),
    "What a project uses of a key, in the unit named; for as many projects as the setting allows.",
)
QUOTA_LIMIT = Metric(
    "heliostat_quota_limit",
    MetricKind.GAUGE,
    ("tenant", "project", "key", "unit"),
    "A project's limit of a key, where it has one.",
)
CHORE_LOOKED = Metric(
    "heliostat_chore_last_look_timestamp_seconds",
    MetricKind.GAUGE,
    ("chore",),
    "When background work was last looked for (seconds since 1970).",
)
CHORE_FOUND = Metric(
    "heliostat_chore_findings",
    MetricKind.GAUGE,
    ("chore",),
    "What the last look found to do.",
)
CHORE_FAILING = Metric(
    "heliostat_chore_failing",
    MetricKind.GAUGE,
    ("chore",),
    "1 if the last look failed.",
)
BUILD = Metric(
    "heliostat_build_info",
    MetricKind.GAUGE,
    ("version",),
    "Always 1; the label tells the version.",
)

METRICS: tuple[Metric, ...] = (
    BUILD,
    REQUESTS,
    REQUEST_SECONDS,
    EVENT_READERS,
    TASKS_ENDED,
    TASK_SECONDS,
    TASK_WAIT_SECONDS,
    TASKS_OPEN,
    TASKS_STALLED,
    PLACEMENTS,
    COMMITS,
    COMMIT_SECONDS,
    STORE_REVISION,
    STORE_BYTES,
    AGENTS,
    HOSTS,
    VMS,
    DISKS,
    IMAGES,
    QUOTA_USED,
    QUOTA_LIMIT,
    CHORE_LOOKED,
    CHORE_FOUND,
    CHORE_FAILING,
)

GATHERED = frozenset(
    {TASKS_OPEN, TASKS_STALLED, STORE_REVISION, AGENTS, HOSTS, VMS, DISKS, IMAGES}
    | {QUOTA_USED, QUOTA_LIMIT, CHORE_LOOKED, CHORE_FOUND, CHORE_FAILING}
)
"""Read from the store when somebody scrapes, since they are facts of the site."""
