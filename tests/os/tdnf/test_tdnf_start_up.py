"""Start-up is the enemy: which modules the frequent ways load, and none else.

Times belong in benchmarks; the list of modules is what makes them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from heliostat.os.packages.own import own_package_named
from heliostat.os.packages.rpm.file import opened
from heliostat.testing.package_set import package, published
from heliostat.testing.tdnf_system import TdnfSystem

# none of these comes by itself; each costs more than a search
HEAVY = {
    "argparse",
    "configparser",
    "ctypes",
    "dataclasses",
    "datetime",
    "email",
    "hashlib",
    "http",
    "inspect",
    "json",
    "logging",
    "pathlib",
    "pycurl",
    "re",
    "rpm",
    "sqlite3",
    "subprocess",
    "tempfile",
    "typing",
    "urllib",
    "xml",
}
ASK = """
import sys
sys.path[:0] = {path!r}
before = set(sys.modules)
from heliostat.os.tdnf.entry import main
code = main({words!r}, "tdnf")
print("LOADED", *sorted(set(sys.modules) - before), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> TdnfSystem:
    folder = tmp_path_factory.mktemp("start")
    made = published(folder / "base", package("app", "2-1", requires=["lib"]), package("lib"))
    system = TdnfSystem(folder / "system")
    system.enable(made)
    # the first run parses and keeps; later ones are the frequent way
    system.done("list")
    return system


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("list", "installed"),
        ("info", "app"),
        ("search", "app"),
        ("provides", "lib"),
        ("repoquery", "--whatrequires", "lib"),
        ("repolist",),
        ("check-update",),
        ("--assumeno", "install", "app"),
    ],
    ids=" ".join,
)
def test_frequent_ways_load_only_what_they_need(system: TdnfSystem, words: tuple[str, ...]) -> None:
    argv = system.argv(*words)[3:]
    script = ASK.format(path=sys.path, words=argv)
    told = subprocess.run(
        [sys.executable, "-SE", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env=system.environment,
        check=False,
    )
    _, found, names = told.stderr.partition("LOADED")
    assert found, told.stderr
    loaded = set(names.split())
    assert "Traceback" not in told.stderr
    assert HEAVY.isdisjoint(loaded), sorted(HEAVY & loaded)
    strangers = {each.partition(".")[0] for each in loaded} - set(sys.stdlib_module_names)
    assert {each for each in strangers if "swig" not in each} <= {"heliostat", "solv", "_solv"}
    assert not any(
        each.startswith("heliostat") and not each.startswith(("heliostat.os.tdnf", "heliostat.os"))
        for each in loaded - {"heliostat"}
    )


def test_the_programs_own_files_stay_small() -> None:
    made = own_package_named("tdnf")
    # manuals and completions are left out of small systems
    files = [each for each in made.files if not each.path.startswith("/usr/share/")]
    assert sum(each.size_bytes for each in files) <= 250_000


WALK = """
import importlib, pkgutil, sys
sys.path[:0] = [{folder!r}]
import heliostat.os.tdnf as tdnf
assert tdnf.__file__.startswith({folder!r}), tdnf.__file__
for each in pkgutil.walk_packages(tdnf.__path__, "heliostat.os.tdnf."):
    if not each.name.endswith("__main__"):
        importlib.import_module(each.name)
from heliostat.os.tdnf.entry import main
sys.exit(main({words!r}, "tdnf"))
"""


def test_packages_have_all_that_their_modules_load(system: TdnfSystem, tmp_path: Path) -> None:
    """Nothing of ours but what they bring, in the short form in which they bring it."""
    for name in ("tdnf", "tdnf-automatic", "heliostat-upgrade"):
        for each in own_package_named(name).files:
            if each.path.endswith(".py"):
                path = tmp_path / each.path.lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened(each.content) as content:
                    path.write_bytes(content.read())
    folder = str(tmp_path / "usr/lib/python3/dist-packages")
    argv = [*system.options, "-y", "install", "app"]
    done = subprocess.run(
        [sys.executable, "-c", WALK.format(folder=folder, words=argv)],
        capture_output=True,
        text=True,
        env=system.environment,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert system.installed() == ["app-2-1.noarch", "lib-1-1.noarch"]
