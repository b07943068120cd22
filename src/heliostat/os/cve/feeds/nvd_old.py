"""NVD's feeds of version 1.1, which archives still hold."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from heliostat.os.cve.feeds.nvd import Node, entry, statements
from heliostat.os.cve.feeds.unreadable import decoded
from heliostat.os.cve.severity import Severity
from heliostat.os.cve.statement import Entry, Fact, Knowledge, Vulnerability


class _Text(msgspec.Struct):
    lang: str
    value: str


class _Description(msgspec.Struct):
    texts: list[_Text] = msgspec.field(name="description_data", default_factory=list)


class _Meta(msgspec.Struct):
    id: str = msgspec.field(name="ID")


class _Cve(msgspec.Struct):
    meta: _Meta = msgspec.field(name="CVE_data_meta")
    description: _Description = msgspec.field(default_factory=_Description)


class _Score(msgspec.Struct, rename="camel"):
    base_score: float
    vector_string: str = ""


class _MetricV3(msgspec.Struct):
    cvss: _Score = msgspec.field(name="cvssV3")


class _MetricV2(msgspec.Struct):
    cvss: _Score = msgspec.field(name="cvssV2")


class _Impact(msgspec.Struct):
    v3: _MetricV3 | None = msgspec.field(name="baseMetricV3", default=None)
    v2: _MetricV2 | None = msgspec.field(name="baseMetricV2", default=None)

    @property
    def score(self) -> _Score | None:
        metric = self.v3 or self.v2
        return None if metric is None else metric.cvss


class _Configurations(msgspec.Struct):
    nodes: list[Node] = []


class _Item(msgspec.Struct, rename="camel"):
    cve: _Cve
    configurations: _Configurations = msgspec.field(default_factory=_Configurations)
    impact: _Impact = msgspec.field(default_factory=_Impact)
    published_date: str = ""
    last_modified_date: str = ""


class _Feed(msgspec.Struct):
    items: list[_Item] = msgspec.field(name="CVE_Items")


def read(content: bytes, name: str) -> Iterator[Entry]:
    """Entries of a 1.1 feed."""
    for item in decoded(content, _Feed, name, "an NVD 1.1 feed").items:
        texts = item.cve.description.texts
        text = next((each.value for each in texts if each.lang == "en"), "")
        rejected = text.startswith(("** REJECT **", "Rejected reason"))
        facts = () if rejected else _facts(item, text)
        yield entry(item.cve.meta.id, item.last_modified_date, facts)


def _facts(item: _Item, text: str) -> Iterator[Fact]:
    score = item.impact.score
    yield Vulnerability(
        item.cve.meta.id,
        Knowledge.NVD,
        text,
        None if score is None else score.base_score,
        "" if score is None else score.vector_string,
        Severity.UNKNOWN,
        item.published_date,
        item.last_modified_date,
    )
    for node in item.configurations.nodes:
        yield from statements(item.cve.meta.id, [node], node.operator)
