"""The wheel is complete: installed into an empty environment it offers what the checkout does."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPENDENCIES = sysconfig.get_paths()["purelib"]


def run(*argv: str | Path) -> str:
    done = subprocess.run(
        [str(each) for each in argv], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and the project's own dependencies, without the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    (wheel,) = folder.glob("heliostat-*.whl")
    run(sys.executable, "-m", "venv", folder / "env")
    run(folder / "env/bin/pip", "-q", "install", "--no-deps", "--no-index", wheel)
    (packages,) = (folder / "env/lib").glob("python*/site-packages")
    # A path file adds the folder but runs none of its path files: the checkout stays unseen.
    (packages / "dependencies.pth").write_text(DEPENDENCIES + "\n")
    return folder / "env"


@pytest.mark.slow
@pytest.mark.takes(30)
def test_the_code_is_the_wheels_own(environment: Path) -> None:
    where = run(environment / "bin/python", "-c", "import heliostat; print(heliostat.__file__)")
    assert where.startswith(str(environment))


@pytest.mark.slow
@pytest.mark.takes(10)
@pytest.mark.parametrize(
    "module", ["heliostat.server.controller", "heliostat.server.agent", "heliostat.os.commands"]
)
def test_every_process_can_be_imported(environment: Path, module: str) -> None:
    run(environment / "bin/python", "-c", f"import {module}")


@pytest.mark.slow
@pytest.mark.takes(5)
def test_the_commands_and_the_systems_data_are_there(environment: Path) -> None:
    assert "vm" in run(environment / "bin/helio", "--help")
    code = "from heliostat.os.image.distro import locate_distro; print(locate_distro())"
    assert run(environment / "bin/python", "-c", code).startswith(str(environment))
