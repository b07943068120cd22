"""A bill of materials as CycloneDX 1.6 JSON (https://cyclonedx.org/docs/1.6/json/)."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import heliostat
from heliostat.os.inventory.bill import Bill, Component

_SPACE = uuid.UUID("6f1c0f5e-5f0e-5c8e-9a55-0a4b7d0e3c11")  # of serial numbers made here
_SYSTEM = "operating-system"

Json = dict[str, Any]


def cyclonedx(bill: Bill) -> Json:
    """The document; its serial number follows from its content."""
    moment = datetime.datetime.fromtimestamp(bill.created, datetime.UTC)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, bill.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {
                "components": [
                    {
                        "type": "application",
                        "name": "heliostat",
                        "version": heliostat.__version__,
                    }
                ]
            },
            "component": {
                "type": "operating-system",
                "bom-ref": _SYSTEM,
                "name": bill.name,
                "version": bill.version,
            },
        },
        "components": [_component(each) for each in bill.components],
        "dependencies": [
            {"ref": _SYSTEM, "dependsOn": sorted(each.purl for each in bill.components)},
            *({"ref": each.purl, "dependsOn": list(each.needs)} for each in bill.components),
        ],
    }


def _component(component: Component) -> Json:
    return {
        "type": "library",
        "bom-ref": component.purl,
        **({"supplier": {"name": component.vendor}} if component.vendor else {}),
        "name": component.name,
        "version": component.version,
        "description": component.summary,
        "licenses": _licences(component),
        "purl": component.purl,
        **_website(component),
        "properties": [
            {"name": f"heliostat:rpm:{name}", "value": value}
            for name, value in sorted(_facts(component).items())
            if value
        ],
    }


def _licences(component: Component) -> list[Json]:
    """One expression, or, if what the package says is none, its words."""
    told = component.licence
    if told.expression:
        return [{"expression": told.expression}]
    return [{"license": {"name": told.said}}] if told.said else []


def _website(component: Component) -> Json:
    if not component.url:
        return {}
    return {"externalReferences": [{"type": "website", "url": component.url}]}


def _facts(component: Component) -> dict[str, str]:
    return {
        "arch": component.arch,
        "source": f"{component.origin.name}-{component.origin.version}",
        "header-sha256": component.header_digest,
        "payload-sha256": component.payload_digest,
        "signer": component.signer,
    }
