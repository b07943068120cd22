"""Answers of a controller for client tests, as plain JSON objects."""

from __future__ import annotations

from typing import Any

TENANT = "11111111-1111-4111-8111-111111111111"
PROJECT = "22222222-2222-4222-8222-222222222222"
VM = "33333333-3333-4333-8333-333333333333"
DISK = "44444444-4444-4444-8444-444444444444"
IMAGE = "55555555-5555-4555-8555-555555555555"
HOST = "66666666-6666-4666-8666-666666666666"
TASK = "77777777-7777-4777-8777-777777777777"


def task(
    state: str = "COMPLETED",
    *,
    operation: str = "START_VM",
    kind: str = "vm",
    entity_id: str = VM,
    steps: list[dict[str, Any]] | None = None,
    **extra: Any,
) -> dict[str, Any]:
    return {
        "id": TASK,
        "selfLink": f"http://x/v1/tasks/{TASK}",
        "operation": operation,
        "state": state,
        "entity": {"kind": kind, "id": entity_id},
        "queuedTime": 1000,
        "startedTime": 2000,
        "endTime": 3000 if state in ("COMPLETED", "ERROR") else 0,
        "steps": [step(operation, state)] if steps is None else steps,
        "resourceProperties": {},
        **extra,
    }


def step(operation: str, state: str, *errors: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "s",
        "sequence": 1,
        "operation": operation,
        "state": state,
        "queuedTime": 1000,
        "startedTime": 2000,
        "endTime": 0,
        "errors": [*errors],
        "warnings": [],
        "options": {},
        "resourceProperties": {},
    }


def problem(code: str, message: str, hint: str = "") -> dict[str, Any]:
    return {"code": code, "message": message, "data": {}, "hint": hint}


def plan(operation: str = "START_VM") -> dict[str, Any]:
    return {
        "operation": operation,
        "entity": {"kind": "vm", "id": VM},
        "steps": [{"operation": operation, "sequence": 1, "expectedS": 3.0}],
        "quota": [
            {
                "owner": {"kind": "project", "id": PROJECT},
                "key": "vm.cpu",
                "unit": "COUNT",
                "used": 1.0,
                "asked": 2.0,
                "limit": 10.0,
            }
        ],
        "warnings": [],
        "placement": {
            "hostId": HOST,
            "reason": "It has the most free memory: 14 GiB.",
            "considered": 3,
            "ruledOut": {"not READY": 2},
        },
        "estimate": {"seconds": 3.0, "basis": "4 earlier runs"},
    }


def tenant(name: str = "acme", tenant_id: str = TENANT) -> dict[str, Any]:
    return {
        "id": tenant_id,
        "kind": "tenant",
        "name": name,
        "selfLink": "",
        "projects": [{"id": PROJECT, "name": "web"}],
        "securityGroups": [{"name": "D\\g", "inherited": False}],
        "tags": [],
        "quota": {"quotaItems": {}},
    }


def project(name: str = "web", project_id: str = PROJECT) -> dict[str, Any]:
    return {
        "id": project_id,
        "kind": "project",
        "name": name,
        "selfLink": "",
        "tenantId": TENANT,
        "securityGroups": [],
        "tags": [],
        "quota": {"quotaItems": {}},
    }


def vm(name: str = "web1", vm_id: str = VM, state: str = "STARTED") -> dict[str, Any]:
    return {
        "id": vm_id,
        "kind": "vm",
        "name": name,
        "flavor": "small",
        "state": state,
        "selfLink": "",
        "cost": [{"key": "vm.cpu", "value": 1.0, "unit": "COUNT"}],
        "attachedDisks": [],
        "attachedIsos": [],
        "tags": ["blue"],
        "metadata": {"a": "b"},
        "floatingIp": "",
        "sourceImageId": IMAGE,
        "projectId": PROJECT,
        "host": "10.0.0.5",
    }


def page(*items: dict[str, Any], after: str = "") -> dict[str, Any]:
    return {"items": [*items], "nextPageLink": after}
