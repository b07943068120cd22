"""What we decided about imported packages: ``distro/policy/*.yaml`` as structs.

Every file has the same form, so that decisions lie where they belong (``base.yaml``,
``containers.yaml``…); together they are one ``Policy``.  A package may be decided about
only once.  Names of packages may be patterns (``linux-image-*-cloud-amd64``); an exact
name wins.  The digest of what was decided about one package is part of the identity of
its conversion.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.os.data import load
from heliostat.os.packages.deb.policy_schema import Defaults, PackagePolicy, Part, PolicyFile

T = TypeVar("T")


class Policy(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All decisions."""

    defaults: Defaults = Defaults()
    replaced: dict[str, str] = {}
    packages: dict[str, PackagePolicy] = {}

    def whole_of(self, name: str) -> str:
        """The archive's package that ``name`` is a part of, or ``name`` itself."""
        return self._wholes.get(name, name)

    def part(self, name: str) -> Part | None:
        """The part of that name, unless it is a whole package."""
        return self.of(name).parts.get(name)

    def of(self, name: str) -> PackagePolicy:
        """What was decided about ``name``; an empty decision if nothing was.

        For a part it is what was decided about the whole.
        """
        exact = self.packages.get(self.whole_of(name))
        if exact is not None:
            return exact
        for pattern, decided in self._patterns:
            if fnmatch.fnmatchcase(name, pattern):
                return decided
        return PackagePolicy()

    def digest_of(self, name: str) -> str:
        """SHA-256 of everything that decides about ``name``."""
        mine = sorted(link for link, owner in self.defaults.alternatives.items() if owner == name)
        part = name if self.part(name) else ""
        decided = msgspec.json.encode((self.of(name), mine, *([part] if part else ())))
        return hashlib.sha256(self._defaults_digest + decided).hexdigest()

    @cached_property
    def _wholes(self) -> dict[str, str]:
        return {part: name for name, each in self.packages.items() for part in each.parts}

    @cached_property
    def _patterns(self) -> list[tuple[str, PackagePolicy]]:
        return [item for item in self.packages.items() if "*" in item[0]]

    @cached_property
    def _defaults_digest(self) -> bytes:
        """Of what decides about all; whose a link is shows only in the packages concerned."""
        links = dict.fromkeys(self.defaults.alternatives, "")
        shared = msgspec.structs.replace(self.defaults, alternatives=links)
        return hashlib.sha256(msgspec.json.encode(shared)).digest()


def load_policy(folder: Path) -> Policy:
    """All files of ``folder`` as one; ``InvalidSetting`` if two decide about the same."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise _invalid(f"{folder} has no policy files.")
    files = [(path, load(path, PolicyFile)) for path in paths]
    return Policy(
        defaults=_one_defaults(files),
        replaced=dict(_merged((path, file.replaced) for path, file in files)),
        packages=dict(_merged((path, file.packages) for path, file in files)),
    )


def check_names(policy: Policy, known: Iterable[str], folder: Path) -> None:
    """Refuse decisions about packages that the archive doesn't have: ``known`` are its names."""
    import difflib

    names = set(known)
    parts = {part for each in policy.packages.values() for part in each.parts}
    owners = [name for name in policy.defaults.alternatives.values() if name not in parts]
    for name in (*policy.packages, *policy.replaced, *owners):
        if name in names or ("*" in name and fnmatch.filter(names, name)):
            continue
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
        nearest = f" Did you mean {close[0]}?" if close else ""
        raise _invalid(f"{_where(folder, name)}: the archive has no package {name}.{nearest}")
    for part in sorted(parts & names):
        raise _invalid(f"{_where(folder, part)}: {part} is a package of the archive already.")


def _where(folder: Path, name: str) -> str:
    """File and line that decide about ``name``, or give it something."""
    said = re.compile(rf"""\s*["']?{re.escape(name)}["']?:|.*:\s*["']?{re.escape(name)}["']?\s*$""")
    for path in sorted(folder.glob("*.yaml")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if said.match(line):
                return f"{path}:{number}"
    return str(folder)


def _one_defaults(files: list[tuple[Path, PolicyFile]]) -> Defaults:
    stated = [(path, file.defaults) for path, file in files if file.defaults != Defaults()]
    if len(stated) > 1:
        raise _invalid(f"{stated[1][0]}: `defaults` were already given in {stated[0][0]}.")
    return stated[0][1] if stated else Defaults()


def _merged(parts: Iterable[tuple[Path, dict[str, T]]]) -> Iterator[tuple[str, T]]:
    seen: dict[str, Path] = {}
    for path, decided in parts:
        for name, value in decided.items():
            if name in seen:
                raise _invalid(f"{path}: {name} was already decided about in {seen[name]}.")
            seen[name] = path
            yield name, value


def _invalid(sentence: str) -> HeliostatError:
    return HeliostatError("InvalidSetting", sentence, hint="Correct the file in distro/policy.")
