"""Vulnerable libraries inside of programs and of Python's folders: found, counted, excused."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from heliostat.cli.main import run
from heliostat.os.cve.installed import Installed
from heliostat.os.cve.knowledge import FORMAT, KnowledgeBase
from heliostat.os.cve.library_matching import Held, found_in_libraries
from heliostat.os.cve.matching import Confidence, Finding, Scope
from heliostat.os.cve.statement import Knowledge, Statement
from heliostat.os.cve.versions import Scheme
from heliostat.os.inventory.libraries import Ecosystem, Library
from heliostat.testing.feeds import osv, written
from heliostat.testing.go_programs import go_program
from heliostat.testing.roots import planted

CVE = "CVE-2026-0001"
SCOPE = Scope("trixie")


def said(ecosystem: str, package: str, fixed: str) -> Statement:
    schemes = {"Go": Scheme.SEMVER, "PyPI": Scheme.PEP440}
    scheme = schemes.get(ecosystem, Scheme.DPKG)
    return Statement(CVE, Knowledge.OSV, ecosystem, package, scheme, fixed=fixed)


def owner(source: str, fixes: frozenset[str] = frozenset()) -> Installed:
    return Installed(source, "1.0-1", source, "1.0-1", Scheme.DPKG, fixes)


def found(library: Library, by: Installed | None, *statements: Statement) -> list[Finding]:
    held = Held(library, dict.fromkeys(library.places, by))
    return found_in_libraries([held], statements, SCOPE)


NET = Library(Ecosystem.GO, "golang.org/x/net", "v0.33.0", ("/usr/bin/a",))
YAML = Library(Ecosystem.PYPI, "PyYAML", "5.3", ("/usr/lib/y.dist-info",))
OF_NET = said("Go", "golang.org/x/net", "0.36.0")
OF_YAML = said("PyPI", "pyyaml", "5.4")


def test_a_module_counts_whoever_packaged_the_program() -> None:
    for by in (None, owner("a")):
        (finding,) = found(NET, by, OF_NET)
        assert (finding.source, finding.version, finding.fixed) == (NET.name, "v0.33.0", "0.36.0")
        assert finding.confidence is Confidence.CERTAIN
        assert finding.places == ("/usr/bin/a",)


def test_a_distributions_python_is_a_hint_and_nobodys_counts() -> None:
    assert found(YAML, None, OF_YAML)[0].confidence is Confidence.CERTAIN
    (hint,) = found(YAML, owner("pyyaml"), OF_YAML)
    assert hint.confidence is Confidence.POSSIBLE
    assert hint.packages == ("pyyaml",)


@pytest.mark.parametrize(
    ("by", "more"),
    [
        (owner("pyyaml"), [said("Debian:trixie", "pyyaml", "1.0-1")]),
        (owner("pyyaml"), [said("Debian", "pyyaml", "9")]),  # found with the packages
        (owner("pyyaml", frozenset({CVE})), []),
    ],
)
def test_where_the_owner_speaks_that_decides(by: Installed, more: list[Statement]) -> None:
    assert found(YAML, by, OF_YAML, *more) == []
    copy = Library(YAML.ecosystem, YAML.name, YAML.version, (*YAML.places, "/opt/y.dist-info"))
    held = Held(copy, {YAML.places[0]: by, "/opt/y.dist-info": None})
    (finding,) = found_in_libraries([held], [OF_YAML, *more], SCOPE)
    assert finding.places == ("/opt/y.dist-info",)


def test_fixed_versions_and_other_ecosystems_are_not_found() -> None:
    fixed = Library(Ecosystem.GO, NET.name, "v0.36.0", NET.places)
    assert found(fixed, None, OF_NET) == []
    assert found(NET, None, said("PyPI", NET.name, "9")) == []
    assert found(NET, owner("a"), said("Debian:bookworm", "a", "9"), OF_NET) != []


@pytest.fixture
def scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    monkeypatch.setenv("HELIO_HOME", str(tmp_path / "home"))
    feeds = [
        osv("GO-2026-1", "Go", "stdlib", _span("1.24.0-0", "1.24.5"), aliases=[CVE]),
        osv("GO-2026-2", "Go", NET.name, _span("0", "0.36.0"), aliases=["CVE-2026-0002"]),
        osv("PYSEC-1", "PyPI", "PyYAML", _span("0", "5.4"), aliases=["CVE-2026-0003"]),
    ]
    files = [written(tmp_path, f"{number}.json", feed) for number, feed in enumerate(feeds)]
    assert run(["os", "cve", "import", *map(str, files)]) == 0

    def scan(path: Path, *more: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = run(["os", "cve", "scan", str(path), "-o", "json", *more])
        return code, json.loads(capsys.readouterr().out)

    return scan


def _span(introduced: str, fixed: str) -> list[dict[str, str]]:
    return [{"introduced": introduced}, {"fixed": fixed}]


FILES: dict[str, str | bytes] = {
    "/usr/bin/tool": go_program("go1.24.4", f"dep\t{NET.name}\tv0.33.0\th1:x="),
    "/usr/bin/newer": go_program("go1.24.5", f"dep\t{NET.name}\tv0.36.0\th1:x="),
    "/opt/venv/PyYAML-5.3.dist-info/METADATA": "Name: PyYAML\nVersion: 5.3\n",
}
FOUND = {
    (CVE, "stdlib", "1.24.4", "1.24.5", "/usr/bin/tool"),
    ("CVE-2026-0002", NET.name, "v0.33.0", "0.36.0", "/usr/bin/tool"),
    ("CVE-2026-0003", "PyYAML", "5.3", "5.4", "/opt/venv/PyYAML-5.3.dist-info"),
}


def _rows(told: Any) -> set[tuple[str, ...]]:
    keys = ("id", "source", "installed", "fixedIn")
    return {(*(each[key] for key in keys), *each["places"]) for each in told["findings"]}


def test_a_tree_of_nothing_but_programs_is_scanned(scanned: Any, tmp_path: Path) -> None:
    """As images that hold one program and no distribution."""
    code, told = scanned(planted(tmp_path / "root", FILES), "--fail-on", "negligible")
    assert _rows(told) == FOUND
    assert told["counting"] == 3
    assert code == 0  # OSV gave no score, so none is known to be that bad
    assert {each["ecosystem"] for each in told["findings"]} == {"Go", "PyPI"}


def test_folders_and_single_programs_are_scanned(scanned: Any, tmp_path: Path) -> None:
    root = planted(tmp_path / "root", FILES)
    _, told = scanned(root / "opt")
    assert {row[0] for row in _rows(told)} == {"CVE-2026-0003"}
    _, told = scanned(root / "usr/bin/tool")
    assert {row[:2] for row in _rows(told)} == {(CVE, "stdlib"), ("CVE-2026-0002", NET.name)}


def test_a_database_of_before_is_brought_into_form(tmp_path: Path) -> None:
    place = tmp_path / "cve.sqlite"
    feeds = [
        osv("GO-2026-2", "Go", NET.name, _span("0", "0.36.0")),
        osv("PYSEC-1", "PyPI", "PyYAML", _span("0", "5.4")),
    ]
    with KnowledgeBase(place, create=True) as base:
        for number, feed in enumerate(feeds):
            base.add(written(tmp_path, f"{number}.json", feed))
        today = list(base.statements([NET.name, "pyyaml"]))
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("UPDATE statements SET scheme = 'upstream'")
        connection.execute("UPDATE statements SET package = 'PyYAML' WHERE ecosystem = 'PyPI'")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    with KnowledgeBase(place) as base:
        assert list(base.statements([NET.name, "pyyaml"])) == today
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT,)
