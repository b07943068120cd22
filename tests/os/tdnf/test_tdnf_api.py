"""The module tdnf as programs use it: functions with plain results, and errors as exceptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heliostat.os.tdnf import api as tdnf
from heliostat.testing.package_set import package, published
from heliostat.testing.tdnf_system import TdnfSystem


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> TdnfSystem:
    folder = tmp_path_factory.mktemp("api")
    made = published(
        folder / "base",
        package("app", "1-1", requires=["lib"]),
        package("app", "2-1", requires=["lib"]),
        package("lib"),
    )
    system = TdnfSystem(folder / "system")
    system.enable(made)
    return system


def where(system: TdnfSystem) -> dict[str, Any]:
    return {"config": str(system.configuration), "root": str(system.root)}


def test_questions_give_plain_values(system: TdnfSystem, capfd: pytest.CaptureFixture[str]) -> None:
    place = where(system)
    names = [each["Name"] for each in tdnf.list(scope="available", **place)]
    assert names == ["app", "app", "lib"]
    assert tdnf.search(["app"], **place)[0]["Name"] == "app"
    assert tdnf.repoquery("--requires", "app-2", **place)[0]["Requires"] == ["lib"]
    assert tdnf.list(["nothing"], **place) == []
    assert capfd.readouterr() == ("", "")


def test_repositories_are_objects_that_old_programs_read(system: TdnfSystem) -> None:
    (found,) = tdnf.repolist(**where(system))
    assert (found.id, found.enabled) == ("base", 1)
    assert found.name.decode("utf-8") == "The repository base"
    assert tdnf.repolist(tdnf.REPOLISTFILTER_DISABLED, **where(system)) == []
    assert len(tdnf.repolist(tdnf.REPOLISTFILTER_ALL, **where(system))) == 1


def test_a_failure_is_an_exception_with_number_and_hint(system: TdnfSystem) -> None:
    with pytest.raises(tdnf.TdnfError) as found:
        tdnf.install(["nothing"], **where(system))
    assert found.value.number == 1011
    assert found.value.hint
    with pytest.raises(tdnf.TdnfError):
        tdnf.run("nope", **where(system))


def test_the_module_of_the_package_has_all_of_it(tmp_path: Path) -> None:
    path = Path(__file__).parents[3] / "distro/packages/tdnf/files/usr/lib/python3/dist-packages"
    found: dict[str, object] = {}
    exec((path / "tdnf.py").read_text(), found)
    assert found["install"] is tdnf.install
    assert found["__version__"]
