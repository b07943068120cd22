"""Feeds of vulnerabilities in their published forms, with what a test wants in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]


def match(
    vendor: str, product: str, version: str = "*", *, vulnerable: bool = True, **bounds: str
) -> JsonObject:
    """A CPE of an application with a range, as NVD 2.0 writes it (``versionEndExcluding=…``)."""
    target = bounds.pop("target", "*")
    part = bounds.pop("part", "a")
    criteria = f"cpe:2.3:{part}:{vendor}:{product}:{version}:*:*:*:*:{target}:*:*"
    return {"vulnerable": vulnerable, "criteria": criteria, "matchCriteriaId": "0", **bounds}


def nvd_cve(
    identity: str,
    matches: Iterable[JsonObject],
    *,
    score: float = 7.5,
    modified: str = "2026-01-02T00:00:00.000",
    status: str = "Analyzed",
    operator: str | None = None,
    extra_nodes: Iterable[JsonObject] = (),
) -> JsonObject:
    """One item of a 2.0 feed."""
    node = {"operator": "OR", "negate": False, "cpeMatch": list(matches)}
    configuration: JsonObject = {"nodes": [node, *extra_nodes]}
    if operator is not None:
        configuration["operator"] = operator
    data = {
        "version": "3.1",
        "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
        "baseScore": score,
        "baseSeverity": "HIGH",
    }
    metric = {"source": "nvd@nist.gov", "type": "Primary", "cvssData": data}
    cve = {
        "id": identity,
        "sourceIdentifier": "cve@mitre.org",
        "published": "2026-01-01T00:00:00.000",
        "lastModified": modified,
        "vulnStatus": status,
        "descriptions": [{"lang": "es", "value": "mal"}, {"lang": "en", "value": "It is bad."}],
        "metrics": {"cvssMetricV31": [metric]},
        "configurations": [configuration],
        "references": [],
    }
    return {"cve": cve}


def nvd(*items: JsonObject) -> JsonObject:
    """A 2.0 feed."""
    return {
        "resultsPerPage": len(items),
        "startIndex": 0,
        "totalResults": len(items),
        "format": "NVD_CVE",
        "version": "2.0",
        "timestamp": "2026-01-03T00:00:00.000",
        "vulnerabilities": list(items),
    }


def nvd_old(identity: str, vendor: str, product: str, fixed: str) -> JsonObject:
    """A 1.1 feed of one item, in whose node the CPEs are those of a child."""
    uri = f"cpe:2.3:a:{vendor}:{product}:*:*:*:*:*:*:*:*"
    child = {
        "operator": "OR",
        "children": [],
        "cpe_match": [{"vulnerable": True, "cpe23Uri": uri, "versionEndExcluding": fixed}],
    }
    item = {
        "cve": {
            "data_type": "CVE",
            "CVE_data_meta": {"ID": identity, "ASSIGNER": "cve@mitre.org"},
            "description": {"description_data": [{"lang": "en", "value": "Old and bad."}]},
        },
        "configurations": {
            "CVE_data_version": "4.0",
            "nodes": [{"operator": "AND", "children": [child], "cpe_match": []}],
        },
        "impact": {"baseMetricV2": {"cvssV2": {"baseScore": 5.0, "vectorString": "AV:N"}}},
        "publishedDate": "2020-01-01T10:15Z",
        "lastModifiedDate": "2020-01-02T10:15Z",
    }
    return {"CVE_data_type": "CVE", "CVE_data_version": "4.0", "CVE_Items": [item]}


def osv(
    identity: str,
    ecosystem: str,
    package: str,
    events: Iterable[Mapping[str, str]],
    **more: Any,
) -> JsonObject:
    """One OSV record."""
    affected = {
        "package": {"ecosystem": ecosystem, "name": package},
        "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
    }
    return {
        "schema_version": "1.6.0",
        "id": identity,
        "modified": "2026-01-02T00:00:00Z",
        "summary": "It is bad.",
        "affected": [affected],
        **more,
    }


def tracker(
    package: str,
    identity: str,
    suite: str,
    status: str,
    fixed: str | None = None,
    urgency: str = "",
) -> JsonObject:
    """A snapshot of the Debian security tracker with one issue."""
    state: JsonObject = {
        "status": status,
        "repositories": {suite: "1"},
        "urgency": urgency or "not yet assigned",
    }
    if fixed is not None:
        state["fixed_version"] = fixed
    issue = {"scope": "remote", "description": "It is bad.", "releases": {suite: state}}
    return {package: {identity: issue}}


def written(folder: Path, name: str, content: object) -> Path:
    """The feed as a JSON file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path
