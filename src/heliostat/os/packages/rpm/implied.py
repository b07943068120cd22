"""What a package says without being told: its own name, accounts, features of RPM, interpreters.

``completed`` may be applied twice.  The features and their versions are those that ``rpmbuild``
writes (``rpmlib(…)``: RPM refuses a package that asks for one it lacks).  Accounts are those of
the package's sysusers.d(5): from 4.19 on RPM makes them before it unpacks the files that they own
(rpm-sysusers(7)).
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from pathlib import PurePosixPath

from heliostat.os.packages.rpm.file import opened
from heliostat.os.packages.rpm.package import Package, ScriptKind
from heliostat.os.packages.rpm.relation import Relation, Sense

_SCRIPT_SENSE = {
    ScriptKind.PRE: Sense.SCRIPT_PRE,
    ScriptKind.POST: Sense.SCRIPT_POST,
    ScriptKind.PREUN: Sense.SCRIPT_PREUN,
    ScriptKind.POSTUN: Sense.SCRIPT_POSTUN,
    ScriptKind.PRETRANS: Sense.PRETRANS,
    ScriptKind.POSTTRANS: Sense.POSTTRANS,
}
_ACCOUNTS = PurePosixPath("/usr/lib/sysusers.d")


def completed(package: Package) -> Package:
    """With its own name provided and what it needs of RPM required, each once."""
    own = Relation(package.name, Sense.EQUAL, str(package.evr))
    return dataclasses.replace(
        package,
        provides=_once((*package.provides, own, *_accounts(package))),
        requires=_once((*package.requires, *_interpreters(package), *_features(package))),
        source_rpm=package.source_rpm or f"{package.nvr}.src.rpm",
    )


def _once(relations: tuple[Relation, ...]) -> tuple[Relation, ...]:
    return tuple(dict.fromkeys(relations))


def _accounts(package: Package) -> Iterator[Relation]:
    """``user(NAME)`` and its like; the version is the line that makes it, in base64."""
    for file in package.files:
        path = PurePosixPath(file.path)
        if file.is_regular and path.parent == _ACCOUNTS and path.suffix == ".conf":
            with opened(file.content) as stream:
                for line in stream.read().decode().splitlines():
                    yield from _made_by(line.strip())


def _made_by(line: str) -> Iterator[Relation]:
    made = base64.b64encode(line.encode()).decode()
    match line.split():
        case ["u" | "u!", name, *_]:
            yield Relation(f"user({name})", Sense.EQUAL, made)
            yield Relation(f"group({name})")
        case ["g", name, *_]:
            yield Relation(f"group({name})", Sense.EQUAL, made)
        case ["m", name, group, *_]:
            yield Relation(f"groupmember({name}/{group})", Sense.EQUAL, made)
        case _:
            pass  # comments, and ranges of numbers


def _interpreters(package: Package) -> Iterator[Relation]:
    for script in package.scripts:
        if not script.interpreter.startswith("<"):
            yield Relation(script.interpreter, Sense.INTERP | _SCRIPT_SENSE[script.kind])
    for trigger in package.file_triggers:
        if not trigger.interpreter.startswith("<"):
            yield Relation(trigger.interpreter, Sense.INTERP)


def _features(package: Package) -> Iterator[Relation]:
    versions = [package.version, package.release]
    relations = _all_relations(package)
    versions += [relation.version for relation in relations]
    yield _feature("CompressedFileNames", "3.0.4-1")
    yield _feature("FileDigests", "4.6.0-1")
    yield _feature("PayloadFilesHavePrefix", "4.0-1")
    yield _feature("PayloadIsZstd", "5.4.18-1")
    if any(file.capabilities for file in package.files):
        yield _feature("FileCaps", "4.6.1-1")
    if any(file.hard_link for file in package.files):
        yield _feature("PartialHardlinkSets", "4.0.4-1")
    if any(relation.rich for relation in relations):
        yield _feature("RichDependencies", "4.12.0-1")
    if any("~" in version for version in versions):
        yield _feature("TildeInVersions", "4.10.0-1")
    if any("^" in version for version in versions):
        yield _feature("CaretInVersions", "4.15.0-1")
    if "<lua>" in _programs(package):
        yield _feature("BuiltinLuaScripts", "4.2.2-1")


def _programs(package: Package) -> set[str]:
    return {script.interpreter for script in package.scripts} | {
        trigger.interpreter for trigger in package.file_triggers
    }


def _feature(name: str, version: str) -> Relation:
    return Relation(f"rpmlib({name})", Sense.RPMLIB | Sense.LESS | Sense.EQUAL, version)


def _all_relations(package: Package) -> list[Relation]:
    return [
        *package.provides,
        *package.requires,
        *package.conflicts,
        *package.obsoletes,
        *package.recommends,
        *package.suggests,
        *package.supplements,
        *package.enhances,
    ]
