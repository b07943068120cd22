"""A small C program by way of a Debian source and of a spec: hardened, and the same twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.cve.changelogs import source_version
from heliostat.os.monitor import SilentMonitor
from heliostat.os.packages.build import debian, spec
from heliostat.os.packages.build.carry_out import Built, carry_out
from heliostat.os.packages.build.rebuilds import Rebuild
from heliostat.os.packages.build.recipe import Recipe
from heliostat.os.packages.build.source_package import read_dsc
from heliostat.os.packages.deb.archive import read_deb
from heliostat.os.packages.deb.convert import convert
from heliostat.os.packages.deb.policy import Policy
from heliostat.os.packages.rpm.version import Evr
from heliostat.testing.builds import HOST, SPEC, source_package, spec_file
from heliostat.testing.elf import hardening_of


def debian_recipe(folder: Path, rebuild: Rebuild | None = None) -> Recipe:
    source = read_dsc(source_package(folder))
    return debian.recipe_in(HOST, source, rebuild or Rebuild(), [])


def spec_recipe(folder: Path, text: str = SPEC) -> Recipe:
    path = spec_file(folder, text)
    return spec.recipe_in(HOST, path, spec.read_spec(path, HOST, folder, SilentMonitor()))


def program(built: Built, folder: Path) -> Path:
    """The program of the one package that was built, whatever its format."""
    (package,) = built.files
    if package.suffix == ".deb":
        run(["dpkg-deb", "-x", str(package), str(folder / "root")], timeout_s=60)
    else:
        script = f"mkdir -p {folder}/root; rpm2cpio {package} | cpio -idm --quiet -D {folder}/root"
        run(["sh", "-c", script], timeout_s=60)
    return folder / "root" / "usr" / "bin" / "hello"


@pytest.mark.parametrize("kind", [debian_recipe, spec_recipe])
def test_the_program_is_hardened(kind: object, tmp_path: Path) -> None:
    assert callable(kind)
    built = carry_out(kind(tmp_path / "source"), tmp_path)
    assert hardening_of(program(built, tmp_path)) == {"pie", "now", "relro", "canary", "fortify"}


@pytest.mark.parametrize("kind", [debian_recipe, spec_recipe])
def test_built_twice_it_is_the_same_to_the_byte(kind: object, tmp_path: Path) -> None:
    assert callable(kind)
    built = [carry_out(kind(tmp_path / "source"), tmp_path / name) for name in ("one", "two")]
    first, second = (each.files[0].read_bytes() for each in built)
    assert first == second
    assert built[0].provenance.read_bytes() == built[1].provenance.read_bytes()


def test_patches_and_preparations_are_part_of_the_build(tmp_path: Path) -> None:
    prepare = "sed -i s/hello/good-bye/ hello.c\n"
    built = carry_out(debian_recipe(tmp_path / "s", Rebuild(prepare=prepare)), tmp_path)
    assert run([str(program(built, tmp_path))], timeout_s=60).stdout == "good-bye world\n"


def test_a_failing_rule_says_why(tmp_path: Path) -> None:
    prepare = "echo 'int main(' > hello.c\n"
    with pytest.raises(HeliostatError, match=r"hello 1\.0-1 could not be built") as refused:
        carry_out(debian_recipe(tmp_path / "s", Rebuild(prepare=prepare)), tmp_path)
    assert "hello.c:1" in Path(refused.value.data["log"]).read_text()


def test_a_rebuild_is_newer_than_its_import_and_older_than_the_next_one(tmp_path: Path) -> None:
    built = carry_out(debian_recipe(tmp_path / "s"), tmp_path)
    imported = convert(read_deb(built.files[0], tmp_path), Policy())
    rebuilt = debian.as_rebuilt(imported)
    again_by_the_archive, fixed = Evr.parse("1.0-1+b12"), Evr.parse("1.0-1+deb13u1")
    assert imported.evr < again_by_the_archive < rebuilt.evr < fixed < Evr.parse("1.0-2")
    assert source_version(str(rebuilt.evr)) == str(imported.evr)
    provided = {str(each) for each in rebuilt.provides}
    assert {"hello = 1.0-1+bhs1", "hello = 1.0-1"} <= provided
    assert "rebuilt" in rebuilt.vendor


def test_a_spec_names_what_it_lacks(tmp_path: Path) -> None:
    path = spec_file(tmp_path)
    (tmp_path / "hello.c").unlink()
    said = spec.read_spec(path, HOST, tmp_path, SilentMonitor())
    with pytest.raises(HeliostatError, match=r"hello\.spec names hello\.c, which is not beside"):
        spec.recipe_in(HOST, path, said)


def test_what_a_spec_requires_is_read_with_its_macros(tmp_path: Path) -> None:
    text = SPEC.replace(
        "Source0", "%global tls libssl-dev\nBuildRequires: %{tls} >= 3, zlib1g-dev\nSource0"
    )
    said = spec.read_spec(spec_file(tmp_path, text), HOST, tmp_path, SilentMonitor())
    assert (said.name, said.version, said.sources) == ("hello", "1.0", ("hello.c",))
    assert sorted(said.requirements) == ["libssl-dev", "zlib1g-dev"]


def test_reading_a_spec_can_do_no_harm(tmp_path: Path) -> None:
    """A macro may run any program: here it finds no network and may write nowhere."""
    harm = "%global harm %(cat /proc/net/dev | grep -c eth; touch /etc/harm 2>&1)\n"
    spec.read_spec(spec_file(tmp_path, harm + SPEC), HOST, tmp_path, SilentMonitor())
    assert not Path("/etc/harm").exists()


def test_a_spec_that_forges_what_was_read_of_it_names_no_folder_of_ours(tmp_path: Path) -> None:
    """Reading runs it twice: the second time it may change what the first one printed."""
    forged = "sed -i s,^Name:.*,Name:../../outside, /build/expanded"
    forge = f"%global harm %(test ! -s /build/expanded || {forged})\n"
    path = spec_file(tmp_path / "s", forge + SPEC)
    said = spec.read_spec(path, HOST, tmp_path, SilentMonitor())
    assert said.name == "../../outside"
    with pytest.raises(HeliostatError, match="can't be a file's name"):
        spec.recipe_in(HOST, path, said)


def test_a_requirement_that_is_no_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match=r"pkgconfig\(zlib\) isn't the name of a package"):
        spec.parsed(tmp_path, "Name: x\nVersion: 1\n\n%description", "pkgconfig(zlib)\n")


def test_a_list_that_wants_what_the_source_does_not_make_is_told_before_the_build(
    tmp_path: Path,
) -> None:
    source = read_dsc(source_package(tmp_path))
    debian.check_packages(source, Rebuild(packages=("hello",)))
    with pytest.raises(
        HeliostatError, match=r"hello 1\.0-1 makes no package helo\. .*hello\?"
    ) as told:
        debian.check_packages(source, Rebuild(packages=("hello", "helo")))
    assert told.value.code == "InvalidSetting"
    undescribed = tmp_path / "none.dsc"
    undescribed.write_text("Source: hello\n")
    debian.check_packages(dataclasses.replace(source, dsc=undescribed), Rebuild(packages=("x",)))
