"""Bills of materials, judged by the tools of those who made the formats."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.cli.main import run as helio
from heliostat.os.inventory.difference import Kind, compare
from heliostat.os.inventory.document import document
from heliostat.os.inventory.licences import licence
from heliostat.os.inventory.system import System
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.relation import Relation
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.go_programs import go_program
from heliostat.testing.roots import planted
from heliostat.testing.rpms import BUILT, RpmRoot, tiny
from heliostat.testing.systems import base, library, program, system

_needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="installing into a root needs root")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only."""
    odd = tiny("g++-odd", version="1.0~rc1+dfsg", epoch=3, licence="see /usr/share/doc/x")
    root = tmp_path_factory.mktemp("bill") / "root"
    return system(root, base(), library(), program(), odd)


@pytest.fixture(scope="module")
def with_libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packaged program of Go, and a distribution of Python that is nobody's."""
    linked = go_program("go1.24.4", "dep\tgithub.com/BurntSushi/toml\tv1.4.0\th1:x=")
    packaged = tiny("tool", files=(File.regular("/usr/bin/tool", linked, 0o755, mtime=BUILT),))
    root = system(tmp_path_factory.mktemp("libraries") / "root", base(), packaged)
    return planted(root, {"/opt/PyYAML-6.0.dist-info/METADATA": "Name: PyYAML\nVersion: 6.0\n"})


def _told(tree: Path, form: str) -> Any:
    return json.loads(document(System.read(tree), form))


@_needs_root
@pytest.mark.parametrize("of", ["tree", "with_libraries"])
def test_spdx_tools_accept_the_document(
    of: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tree: Path = request.getfixturevalue(of)
    path = tmp_path / "bill.spdx.json"
    path.write_bytes(document(System.read(tree), "spdx"))
    # a process of its own: importing it warns, and warnings are errors here
    judge = [sys.executable, "-m", "spdx_tools.spdx.clitools.pyspdxtools", "-i", str(path)]
    done = subprocess.run(judge, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@_needs_root
@pytest.mark.parametrize("of", ["tree", "with_libraries"])
def test_cyclonedx_accepts_the_document(of: str, request: pytest.FixtureRequest) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    tree: Path = request.getfixturevalue(of)
    text = document(System.read(tree), "cyclonedx").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


@_needs_root
def test_every_package_is_in_it_with_licence_source_and_needs(tree: Path) -> None:
    told = _told(tree, "spdx")
    packages = {each["name"]: each for each in told["packages"]}
    assert set(packages) == {"heliostat", "filesystem", "libgreet1", "greet", "g++-odd"}
    assert packages["libgreet1"]["licenseDeclared"] == "GPL-2.0-or-later AND LicenseRef-Unheard-of"
    assert packages["g++-odd"]["licenseDeclared"] == "NOASSERTION"
    relations = {
        (each["spdxElementId"], each["relationshipType"], each["relatedSpdxElement"])
        for each in told["relationships"]
    }
    ours = "SPDXRef-Package-greet-1.0-1-x86.5f.64"
    assert (ours, "DEPENDS_ON", "SPDXRef-Package-libgreet1-1.0-1-x86.5f.64") in relations
    assert (ours, "GENERATED_FROM", "SPDXRef-Source-greet-1.0-1") in relations
    (reference,) = told["hasExtractedLicensingInfos"]
    assert reference["licenseId"] == "LicenseRef-Unheard-of"


@_needs_root
def test_libraries_inside_of_packages_and_of_nobody_are_in_it(with_libraries: Path) -> None:
    toml, std = "pkg:golang/github.com/burntsushi/toml@v1.4.0", "pkg:golang/stdlib@1.24.4"
    yaml, system_ref = "pkg:pypi/pyyaml@6.0", "operating-system"
    cyclonedx, spdx = _told(with_libraries, "cyclonedx"), _told(with_libraries, "spdx")
    needs = {each["ref"]: each["dependsOn"] for each in cyclonedx["dependencies"]}
    tool = next(ref for ref in needs if "/tool@" in ref)
    assert {toml, std} <= set(needs[tool])
    assert yaml in needs[system_ref]
    assert toml not in needs[system_ref]
    assert {each["purl"] for each in cyclonedx["components"]} >= {toml, std, yaml}
    contained = {
        (each["spdxElementId"], each["relatedSpdxElement"])
        for each in spdx["relationships"]
        if "Library" in each["relatedSpdxElement"]
    }
    assert contained == {
        ("SPDXRef-OperatingSystem", "SPDXRef-Library-PyPI-pyyaml-6.0"),
        ("SPDXRef-Package-tool-1.0-1-noarch", "SPDXRef-Library-Go-stdlib-1.24.4"),
        (
            "SPDXRef-Package-tool-1.0-1-noarch",
            "SPDXRef-Library-Go-github.com.2f.BurntSushi.2f.toml-v1.4.0",
        ),
    }


@_needs_root
def test_package_urls_can_be_read_by_others(tree: Path) -> None:
    from packageurl import PackageURL

    purls = {each["name"]: each["purl"] for each in _told(tree, "cyclonedx")["components"]}
    odd = PackageURL.from_string(purls["g++-odd"])
    assert (odd.type, odd.namespace, odd.name) == ("rpm", "heliostat", "g++-odd")
    assert odd.version == "1.0~rc1+dfsg-1"
    assert odd.qualifiers == {
        "arch": "noarch",
        "distro": "heliostat-1",
        "epoch": "3",
        "upstream": "g++-odd-1.0~rc1+dfsg-1.src.rpm",
    }


@_needs_root
@pytest.mark.parametrize("form", ["spdx", "cyclonedx"])
def test_equal_systems_have_equal_bills(tree: Path, tmp_path: Path, form: str) -> None:
    odd = tiny("g++-odd", version="1.0~rc1+dfsg", epoch=3, licence="see /usr/share/doc/x")
    again = system(tmp_path / "again", odd, program(), library(), base())
    assert document(System.read(again), form) == document(System.read(tree), form)
    other = system(tmp_path / "other", odd, program(), library("1.1"), base())
    assert document(System.read(other), form) != document(System.read(tree), form)


@_needs_root
def test_the_time_is_the_youngest_packages_or_what_was_set(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _told(tree, "spdx")["creationInfo"]["created"] == "2026-01-01T00:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(BUILT + 60))
    path = tmp_path / "bill.json"
    assert helio(["os", "sbom", str(tree), "--format", "cyclonedx", "--to", str(path)]) == 0
    assert json.loads(path.read_text())["metadata"]["timestamp"] == "2026-01-01T00:01:00Z"


@pytest.mark.parametrize(
    ("said", "expression"),
    [
        ("MIT", "MIT"),
        (
            "bsd-3-clause and (gpl-2.0-or-later OR ISC)",
            "BSD-3-Clause AND (GPL-2.0-or-later OR ISC)",
        ),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("GPL-2.0-only WITH a-dare", ""),
        ("Own_Licence+1", "LicenseRef-Own-Licence-1"),
        ("LicenseRef-Public-Domain", "LicenseRef-Public-Domain"),
        ("see /usr/share/doc/a/copyright", ""),
        ("", ""),
    ],
)
def test_licences_become_expressions_that_spdx_knows(said: str, expression: str) -> None:
    assert licence(said).expression == expression


@given(st.text(max_size=40))
def test_any_words_are_an_expression_or_none(said: str) -> None:
    told = licence(said)
    assert all(each.startswith("LicenseRef-") for each in told.references)


@_needs_root
def test_two_versions_of_a_package_are_two_components(tmp_path: Path) -> None:
    user = tiny("user", requires=(Relation.parse("kernel"),))
    kernels = [tiny("kernel", version=version, files=()) for version in ("6.1", "6.12")]
    root = RpmRoot(tmp_path / "root")
    rpms = [str(write(each, tmp_path).path) for each in (*kernels, user)]
    root.rpm("-i", "--nodeps", "--force-debian", *rpms)
    cyclonedx, spdx = _told(root.path, "cyclonedx"), _told(root.path, "spdx")
    listed = [each["bom-ref"] for each in cyclonedx["components"]]
    assert len(set(listed)) == 3
    refs = {each for each in listed if "/kernel@6.1" in each}
    assert len(refs) == 2
    needs = {each["ref"]: set(each["dependsOn"]) for each in cyclonedx["dependencies"]}
    assert refs in needs.values()
    identifiers = [each["SPDXID"] for each in spdx["packages"]]
    assert len(set(identifiers)) == len(identifiers)
    before, after = System.read(root.path), tmp_path / "after"
    three = write(tiny("kernel", version="6.18", files=()), tmp_path).path
    RpmRoot(after).rpm("-i", "--nodeps", "--force-debian", rpms[1], str(three), rpms[2])
    (change,) = compare(before, System.read(after)).packages
    assert (change.kind, change.before, change.after) == (Kind.UPGRADED, "6.1-1", "6.18-1")
