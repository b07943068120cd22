"""dnf's solver as a judge: a process that answers, one JSON line a question.

dnf is a library of the system's own Python, so the judge runs there and knows nothing of
ours.  A question names a root, repositories and wishes; the answer is which NEVRAs come and
go, or ``refused`` with dnf's words.  It lives for a whole test session, because starting
dnf takes longer than any answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SYSTEM_PYTHON = "/usr/bin/python3"

_PROGRAM = """
import json, sys
import dnf, dnf.exceptions, hawkey

def nevra(package):
    epoch = f"{package.e}:" if package.e else ""
    return f"{package.name}-{epoch}{package.v}-{package.r}.{package.a}"

def base_of(asked):
    base = dnf.Base()
    conf = base.conf
    conf.installroot = asked["root"]
    conf.cachedir = asked["cache"]
    conf.persistdir = asked["cache"] + "/persist"
    conf.logdir = asked["cache"]
    conf.reposdir = conf.varsdir = conf.pluginpath = []
    conf.install_weak_deps = False
    conf.substitutions["releasever"] = "1"
    conf.substitutions["arch"] = "x86_64"
    conf.substitutions["basearch"] = "x86_64"
    for key, value in asked["options"].items():
        setattr(conf, key, value)
    for name, (url, priority) in asked["repositories"].items():
        repo = base.repos.add_new_repo(name, conf, baseurl=[url])
        repo.priority = priority
        repo.metadata_expire = 0
        repo.enable()
    base.fill_sack(load_system_repo=True, load_available_repos=True)
    return base

def wish(base, verb, name):
    if verb == "install":
        base.install(name)
    elif verb == "erase":
        base.remove(name)
    elif verb == "update":
        base.upgrade(name) if name else base.upgrade_all()
    elif verb == "downgrade":
        base.downgrade(name)
    elif verb == "reinstall":
        base.reinstall(name)
    elif verb == "distro-sync":
        base.distro_sync(name or None)

def change(base, asked):
    unmarked = []
    for verb, name in asked["wishes"]:
        try:
            wish(base, verb, name)
        except dnf.exceptions.Error as error:
            unmarked.append(str(error))
    try:
        base.resolve(allow_erasing=asked["allow_erasing"])
    except dnf.exceptions.DepsolveError as error:
        return {"refused": str(error), "unmarked": unmarked}
    found = base.transaction
    coming = sorted(nevra(each) for each in found.install_set)
    going = sorted(nevra(each) for each in found.remove_set)
    return {"in": coming, "out": going, "unmarked": unmarked}

def query(base, asked):
    found = base.sack.query()
    for key, value in asked["filters"].items():
        found = getattr(found, key)() if value is True else found.filter(**{key: value})
    return {"found": sorted(nevra(each) for each in found)}

for line in sys.stdin:
    asked = json.loads(line)
    base = base_of(asked)
    try:
        answer = change(base, asked) if "wishes" in asked else query(base, asked)
    finally:
        base.close()
    print(json.dumps(answer), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What dnf would do: ``refused`` has its reason; ``unmarked`` what it wouldn't begin."""

    coming: frozenset[str] = frozenset()
    going: frozenset[str] = frozenset()
    refused: str = ""
    unmarked: tuple[str, ...] = ()


class DnfJudge:
    """The process.  ``with DnfJudge.of(...) as judge`` ends it."""

    def __init__(self, process: subprocess.Popen[str], cache: Path) -> None:
        self._process = process
        self._cache = cache

    @classmethod
    def of(cls, cache: Path, environment: Mapping[str, str]) -> Self | None:
        """None where dnf isn't installed; ``environment`` names the rpm database's place."""
        probe = [SYSTEM_PYTHON, "-c", "import dnf"]
        try:
            subprocess.run(probe, check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.CalledProcessError):
            return None
        process = subprocess.Popen(
            [SYSTEM_PYTHON, "-W", "ignore", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
            env=dict(environment),
        )
        return cls(process, cache)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # it keeps nothing that has to be put away
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def change(
        self,
        root: Path,
        repositories: Mapping[str, tuple[str, int]],
        wishes: Sequence[tuple[str, str]],
        *,
        allow_erasing: bool = False,
        **options: object,
    ) -> Verdict:
        """``wishes`` are (verb, name), the name empty for everything.

        ``repositories`` are (address, priority) by name.
        """
        answer = self._ask(
            root,
            repositories,
            {"wishes": list(wishes), "allow_erasing": allow_erasing, "options": options},
        )
        return Verdict(
            frozenset(answer.get("in", ())),
            frozenset(answer.get("out", ())),
            str(answer.get("refused", "")),
            tuple(answer.get("unmarked", ())),
        )

    def query(
        self,
        root: Path,
        repositories: Mapping[str, tuple[str, int]],
        **filters: object,
    ) -> list[str]:
        """NEVRAs that fit hawkey's filters; ``True`` calls the query's method of that name."""
        answer = self._ask(root, repositories, {"filters": filters, "options": {}})
        return list(answer["found"])

    def _ask(
        self, root: Path, repositories: Mapping[str, tuple[str, int]], rest: Mapping[str, object]
    ) -> dict[str, list[str]]:
        told = {"root": str(root), "cache": str(self._cache), "repositories": dict(repositories)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({**told, **rest}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, list[str]] = json.loads(self._process.stdout.readline())
        return answer
