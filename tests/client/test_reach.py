"""Where the client and the command run, and what they need there.

The client library runs wherever Python does, with the base dependencies alone.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import heliostat
from heliostat.wire import unoffered
from heliostat.wire.directory_tenants import INSIDE, scoped
from heliostat.wire.labels import LABELLED
from heliostat.wire.routes import BY_OPERATION

SOURCE = Path(heliostat.__file__).parent
PROJECT = SOURCE.parent.parent
REACHED = ("core", "wire", "client", "cli")
POSIX_ONLY = (
    "fcntl",
    "termios",
    "tty",
    "pty",
    "pwd",
    "grp",
    "spwd",
    "crypt",
    "resource",
    "syslog",
    "posix_ipc",
    "readline",
    "curses",
)
# `python -c`: block the modules, import everything, say what was imported.
IMPORT_ALL = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    sys.modules[name] = None
for name in json.loads(sys.argv[2]):
    importlib.import_module(name)
print(json.dumps(sorted(name for name in sys.modules)))
"""
# What the other optional dependency sets bring, and no client may load.
NOT_OURS = ("aiohttp", "numpy", "cryptography", "argon2", "joserfc", "psutil", "qemu", "pycdlib")


def modules(*parts: str) -> list[str]:
    """Importable names of every module in these parts."""
    found = []
    for part in parts:
        for path in sorted((SOURCE / part).rglob("*.py")):
            dotted = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
            if not dotted.endswith("__main__"):
                found.append(dotted.removesuffix(".__init__"))
    return found


def test_every_module_imports_without_posix_and_without_other_parts() -> None:
    blocked = [*POSIX_ONLY, *NOT_OURS]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            IMPORT_ALL,
            json.dumps(blocked),
            json.dumps(modules(*REACHED)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    loaded = {
        name.split(".")[1] for name in json.loads(done.stdout) if name.startswith("heliostat.")
    }
    assert loaded <= set(REACHED)


def test_third_party_imports_are_base_dependencies() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    names = (re.split(r"[<>=!~\[; ]", each)[0] for each in project["dependencies"])
    declared = {name.partition(".")[0] for name in names}  # ruamel.yaml is imported as that
    imported = {
        name for part in REACHED for path in (SOURCE / part).rglob("*.py") for name in roots(path)
    }
    third_party = imported - set(sys.stdlib_module_names) - {"heliostat"}
    assert third_party == declared


def roots(path: Path) -> set[str]:
    """First parts of the names that a file imports, at its top or anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_every_operation_of_the_api_can_be_called() -> None:
    """Operations are named literally, or made of a verb and a noun as the tables here say."""
    source = "\n".join(path.read_text() for path in (SOURCE / "client").glob("*.py"))
    made = {f"{verb}Vm" for verb in ("start", "stop", "restart", "suspend", "resume")}
    made |= {f"{verb}Task" for verb in ("retry", "skip", "undo")}
    made |= {
        f"{verb}{owner}Quota"
        for verb in ("get", "set", "update", "exclude")
        for owner in ("Tenant", "Project")
    }
    for owner in ("Tenant", "Project"):
        made |= {f"{verb}{owner}QuotaLease" for verb in ("create", "update", "delete")}
        made.add(f"list{owner}QuotaLeases")
    made |= {each.operation for each in LABELLED}
    made |= {scoped(route.operation) for route in INSIDE}
    made |= {
        f"{verb}{noun}Iam"
        for verb in ("get", "set", "modify")
        for noun in ("Tenant", "Project", "Image", "Vm", "Disk")
    }
    called = {name for name in BY_OPERATION if f'"{name}"' in source} | made
    # for tools and browsers; the old name of another
    described_elsewhere = {"getOpenapi", "getDocs", "getMetrics", "getVmNetworks"}
    not_offered = {route.operation for route in unoffered.ROUTES}  # only for existing clients
    offered = {name for name, route in BY_OPERATION.items() if not route.missing} - not_offered
    assert offered - called == described_elsewhere
    assert made <= set(BY_OPERATION)
