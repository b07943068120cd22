"""What a command would change, read as: what is installed, what is asked, what comes of it.

``+`` comes, ``-`` goes, ``=`` is put there again; a number is the error's.  One set of
repositories serves all cases; each family of packages in it is about one thing.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.tdnf_system import Ran, TdnfSystem

OFFERED = (
    # versions
    *(package("app", f"{number}-1") for number in (1, 2, 3)),
    package("epoch", "1:1-1"),
    package("epoch", "9-1"),
    package("pre", "1.0~rc1-1"),
    package("pre", "1.0^git1-1"),
    package("pre", "1.0-1"),
    package("small", "1-1", "x86_64"),
    package("small", "1-1", "i686"),
    # the newest needs what nobody has
    package("stuck", "1-1"),
    package("stuck", "2-1", requires=["nothing-has-this"]),
    package("broken", "1-1", requires=["nothing-has-this"]),
    # relations
    package("web", "1-1", requires=["server >= 2", "(tls or plain)"]),
    package("server", "1-1"),
    package("server", "2-1"),
    package("tls", "1-1", recommends=["extra"]),
    package("plain", "1-1"),
    package("extra", "1-1"),
    # what others recommend
    package("cake", "1-1", recommends=["cream", "nothing-has-this"], suggests=["cherry"]),
    package("cake", "2-1", recommends=["cream", "candle"]),
    package("cream", "1-1", recommends=["vanilla"]),
    package("vanilla", "1-1"),
    package("candle", "1-1", requires=["nothing-has-this"]),
    package("cherry", "1-1"),
    package("plate", "1-1", supplements=["cake"]),
    package("diet", "1-1", conflicts=["cream"]),
    package("mail-a", "1-1", provides=["mail-server = 1"], conflicts=["mail-b"]),
    package("mail-b", "1-1", provides=["mail-server = 1"]),
    package("shell", "1-1", files={"/usr/bin/shell": "x", "/usr/share/shell/help": "x"}),
    package("pathneedy", "1-1", requires=["/usr/share/shell/help"]),
    # replaced by others
    package("old", "1-1"),
    package("new", "2-1", obsoletes=["old < 2"]),
    package("oldlib", "1-1"),
    package("newlib", "2-1", obsoletes=["oldlib"], provides=["oldlib = 2"]),
    package("oldlib-user", "1-1", requires=["oldlib"]),
    # the next older needs what nobody has
    package("step", "1-1"),
    package("step", "2-1", requires=["nothing-has-this"]),
    package("step", "3-1"),
    package("floor", "1-1", requires=["step >= 3"]),
    # a newer one would push another down
    package("tied", "1-1"),
    package("tied", "2-1", requires=["base = 1"]),
    package("base", "1-1"),
    package("base", "2-1"),
)
OF_THE_PAST = (
    package("orphan", "1-1"),
    package("app", "4-1"),
    package("needs-orphan", "1-1", requires=["orphan"]),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[PackageSet, PackageSet]:
    folder = tmp_path_factory.mktemp("world")
    offers = PackageSet(folder / "offers", "offers")
    offers.add(*OFFERED, signed=False)
    offers.publish()
    past = PackageSet(folder / "past", "past")
    past.add(*OF_THE_PAST, signed=False)
    return offers, past


@pytest.fixture
def system(tmp_path: Path, world: tuple[PackageSet, PackageSet]) -> TdnfSystem:
    made = TdnfSystem(tmp_path / "system")
    made.enable(world[0], gpgcheck=0)
    return made


def told(ran: Ran) -> str:
    """A run's outcome as the cases write it."""
    if ran.error and ran.error != 1032:
        return str(ran.error)
    signs = {"Reinstall": "=", "Remove": "-", "Obsolete": "-"}
    steps = [
        signs.get(kind, "+") + f"{each['Name']}-{each['Evr']}".removesuffix("-1")
        for kind in ran.json
        for each in ran.json[kind]
    ]
    return " ".join(sorted(steps, key=lambda each: each[1:]))


CASES = [
    # installed, asked, outcome
    ("", "install app", "+app-3"),
    ("", "install app-2", "+app-2"),
    ("", "install app-2-1.noarch", "+app-2"),
    ("", "install app=2", "+app-2"),
    ("", "install app<3", "+app-2"),
    ("", "install app.noarch", "+app-3"),
    ("", "install ap*", "+app-3"),
    ("", "install app-2*", "+app-2"),
    ("", "install epoch", "+epoch-1:1"),
    ("", "install pre", "+pre-1.0^git1"),
    ("", "install small", "+small-1"),
    ("", "install none", "1011"),
    ("", "install app none", "1011"),
    ("", "install --skip-broken app none", "+app-3"),
    ("", "install", "1001"),
    ("app-1", "install app", "+app-3"),
    ("app-3", "install app", ""),
    ("app-3", "install app-1", "+app-1"),
    ("app-4", "install app", ""),
    ("orphan-1", "install orphan", ""),
    ("", "install stuck", "+stuck-1"),
    ("", "install --best stuck", "1301"),
    ("stuck-1", "install stuck", ""),
    ("", "install broken", "1301"),
    ("", "install broken app", "1301"),
    ("", "install --skip-broken broken app", "+app-3"),
    ("", "install web tls", "+extra-1 +server-2 +tls-1 +web-1"),
    ("server-1", "install web plain", "+plain-1 +server-2 +web-1"),
    ("", "install cake-1", "+cake-1 +cream-1 +plate-1 +vanilla-1"),
    ("", "install --setopt=install_weak_deps=0 cake", "+cake-2"),
    ("", "install --exclude=cream cake", "+cake-2 +plate-1"),
    ("", "install cake diet", "+cake-2 +diet-1 +plate-1"),
    ("diet-1", "install cake", "+cake-2 +plate-1"),
    ("cake-1", "install cream", "+cream-1 +vanilla-1"),
    ("cake-1", "install app", "+app-3"),
    # somebody has left them out
    ("cake-1", "update", "+cake-2"),
    ("cake-1", "install cake", "+cake-2"),
    ("cake-1", "reinstall cake", "=cake-1"),
    ("cake-1 cream-1", "erase cream", "-cream-1"),
    ("", "install mail-server mail-b", "+mail-b-1"),
    ("", "install mail-a mail-b", "1301"),
    ("mail-b-1", "install mail-server", ""),
    ("mail-b-1", "install mail-a", "1301"),
    ("mail-b-1", "install --allowerasing mail-a", "+mail-a-1 -mail-b-1"),
    ("", "install /usr/bin/shell", "+shell-1"),
    ("", "install /usr/share/shell/help", "+shell-1"),
    ("", "install pathneedy", "+pathneedy-1 +shell-1"),
    ("", "install old", "+new-2"),
    ("", "install old-1", "+old-1"),
    ("old-1", "install new", "+new-2 -old-1"),
    ("", "install oldlib-user", "+newlib-2 +oldlib-user-1"),
    ("base-2 tied-1", "install tied-2", "+base-1 +tied-2"),
    ("app-1 server-1", "update", "+app-3 +server-2"),
    ("app-1 server-1", "update app", "+app-3"),
    ("app-1", "update app-2", "+app-2"),
    ("app-1", "update a*", "+app-3"),
    ("app-3", "update app", ""),
    ("app-4", "update", ""),
    ("", "update app", "1011"),
    ("app-1", "update server", "1011"),
    ("stuck-1", "update", ""),
    ("stuck-1", "update stuck", ""),
    ("stuck-1", "update --best", "1301"),
    ("stuck-1 app-1", "update", "+app-3"),
    ("old-1", "update", "+new-2 -old-1"),
    ("old-1", "update old", "+new-2 -old-1"),
    ("oldlib-1 oldlib-user-1", "update", "+newlib-2 -oldlib-1"),
    ("base-2 tied-1", "update", ""),
    ("orphan-1", "update", ""),
    ("app-3", "downgrade app", "+app-2"),
    ("app-3", "downgrade app-1", "+app-1"),
    ("app-3 server-2", "downgrade", "+app-2 +server-1"),
    ("app-1", "downgrade app", ""),
    ("app-1", "downgrade", "1011"),
    ("", "downgrade app", "1011"),
    ("app-3", "downgrade app-9", "1011"),
    ("step-3", "downgrade step", "+step-1"),
    ("step-3", "downgrade step-2", "1301"),
    ("step-3", "downgrade --best step", "1301"),
    ("step-3 floor-1", "downgrade step", "1301"),
    ("app-4", "distro-sync", "+app-3"),
    ("app-4 server-1", "distro-sync app", "+app-3"),
    ("orphan-1 app-1", "distro-sync", "+app-3"),
    ("app-2", "reinstall app", "=app-2"),
    ("app-4", "reinstall app", "1011"),
    ("", "reinstall app", "1011"),
    ("app-1", "erase app", "-app-1"),
    ("app-1 server-1", "erase ap* serv*", "-app-1 -server-1"),
    ("orphan-1 needs-orphan-1", "erase orphan", "-needs-orphan-1 -orphan-1"),
    ("mail-a-1", "erase mail-server", "-mail-a-1"),
    ("shell-1", "erase /usr/bin/shell", "-shell-1"),
    ("app-1", "erase app-2", "1011"),
    ("", "erase app", "1011"),
    ("app-1", "erase", "1001"),
    # what is excluded isn't there
    ("", "install --exclude=app app", "1011"),
    ("", "install --exclude=server web tls", "1301"),
    ("app-1 server-1", "update --exclude=app", "+server-2"),
    ("app-1", "update --exclude=a*,server", ""),
    ("", "install --exclude=app --disableexcludes app", "+app-3"),
]


@pytest.mark.parametrize(
    ("installed", "asked", "outcome"), CASES, ids=[f"{each[1]} [{each[0]}]" for each in CASES]
)
def test_what_comes_of_it(
    system: TdnfSystem,
    world: tuple[PackageSet, PackageSet],
    installed: str,
    asked: str,
    outcome: str,
) -> None:
    paths = {
        f"{nevra.rpartition('.')[0]}".removesuffix("-1"): path
        for each in world
        for nevra, path in each.paths.items()
        if not nevra.endswith("i686")
    }
    system.install_by_rpm(*(paths[each] for each in installed.split()))
    assert told(system.plan(*asked.split())) == outcome
