"""A recipe is carried out once, whole or not at all, and says what went wrong."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.build import provenance
from heliostat.os.packages.build.carry_out import carry_out
from heliostat.os.packages.build.input_file import Input
from heliostat.os.packages.build.recipe import Limits
from heliostat.os.packages.build.root import BuildRoot
from heliostat.os.turn import in_use
from heliostat.testing.builds import HOST, recipe

TWICE = "date +%N > moment"
"""Tells whether it ran again."""


def test_the_same_recipe_is_carried_out_once(tmp_path: Path) -> None:
    first = carry_out(recipe(TWICE, "moment"), tmp_path)
    again = carry_out(recipe(TWICE, "moment"), tmp_path)
    assert (first.cached, again.cached) == (False, True)
    assert first.files == again.files


def test_anew_makes_it_again(tmp_path: Path) -> None:
    before = carry_out(recipe(TWICE, "moment"), tmp_path).files[0].read_text()
    after = carry_out(recipe(TWICE, "moment"), tmp_path, anew=True)
    assert not after.cached
    assert after.files[0].read_text() != before


def test_whatever_the_result_follows_from_changes_the_identity(tmp_path: Path) -> None:
    (tmp_path / "input").write_text("a")
    plain = recipe("true", "x")
    others = [
        recipe("true ", "x"),
        recipe("true", "y"),
        recipe("true", "x", version="2"),
        recipe("true", "x", environment={"A": "b"}),
        recipe("true", "x", inputs=(Input.of(tmp_path / "input"),)),
        recipe("true", "x", root=BuildRoot(HOST.path, ("host=2",))),
    ]
    assert len({plain.identity, *(each.identity for each in others)}) == 7


def test_limits_do_not_change_the_identity() -> None:
    plain = recipe("true", "x")
    assert replace(plain, limits=Limits(1, 1)).identity == plain.identity


def test_a_failure_says_the_last_lines_and_where_the_log_is(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError) as refused:
        carry_out(recipe("echo begun; echo 'no such header' >&2; exit 3", "x"), tmp_path)
    assert "ended with 3" in refused.value.message
    assert "no such header" in refused.value.message
    log = Path(refused.value.data["log"])
    assert str(log) in refused.value.hint
    assert log.read_text() == "begun\nno such header\n"


def test_a_build_that_makes_nothing_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match=r"it made no \*\.deb"):
        carry_out(recipe("true", "*.deb"), tmp_path)


def test_after_a_failure_the_same_recipe_is_tried_again(tmp_path: Path) -> None:
    kept = recipe(
        "test -e /kept/there || { touch /kept/there; exit 1; }; echo 1 > x", "x", kept="k"
    )
    with pytest.raises(HeliostatError):
        carry_out(kept, tmp_path)
    assert not carry_out(kept, tmp_path).cached


def test_an_input_that_was_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text("planned")
    planned = recipe("cp /in/input x", "x", inputs=(Input.of(path),))
    path.write_text("changed")
    with pytest.raises(HeliostatError, match="changed after the build was planned") as refused:
        carry_out(planned, tmp_path)
    assert refused.value.code == "DigestMismatch"


def test_a_killed_build_leaves_nothing_that_counts(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from heliostat.os.packages.build.carry_out import carry_out
from heliostat.testing.builds import recipe
carry_out(recipe({_SLOW_ONCE!r}, "x", kept="k"), Path({str(tmp_path)!r}))
"""
    with subprocess.Popen([sys.executable, "-c", script]) as builder:
        kept = tmp_path / "builds" / "kept" / "k"
        while not (kept / "begun").exists():
            assert builder.poll() is None
        builder.send_signal(signal.SIGKILL)
    (folder,) = (tmp_path / "builds").glob("sample-*[0-9a-f]")
    assert not (folder / "provenance.json").exists()
    assert carry_out(recipe(_SLOW_ONCE, "x", kept="k"), tmp_path).files[0].read_text() == "1\n"


def test_what_a_killed_build_was_writing_goes_with_the_next_build_of_anything(
    tmp_path: Path,
) -> None:
    left = tmp_path / "builds" / "other-0123456789abcdef" / "work"
    left.mkdir(parents=True)
    lock = left.parent.with_name("other-0123456789abcdef.lock")
    lock.touch()
    with in_use(lock):  # somebody builds it
        carry_out(recipe("echo 1 > x", "x"), tmp_path)
        assert left.exists()
    carry_out(recipe("echo 2 > x", "x"), tmp_path)
    assert not left.exists()


_SLOW_ONCE = "test -e /kept/begun || { touch /kept/begun; sleep 600; }; echo 1 > x"


def test_a_link_that_a_build_leaves_is_no_result_of_it(tmp_path: Path) -> None:
    linking = recipe("mkdir made; echo 1 > made/x; ln -s /etc/passwd made/y", "made")
    first = carry_out(linking, tmp_path)
    assert [path.name for path in first.files] == ["x"]
    assert carry_out(linking, tmp_path).files == first.files


def test_two_at_once_make_it_once(tmp_path: Path) -> None:
    slow = recipe("sleep 0.5; date +%N > x", "x")
    with ThreadPoolExecutor(2) as pool:
        built = list(pool.map(lambda _: carry_out(slow, tmp_path), range(2)))
    assert sorted(each.cached for each in built) == [False, True]


def test_two_different_ones_work_at_once(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    waiting = "until [ -s /in/gate ]; do sleep 0.02; done; echo 1 > x"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(
            carry_out, recipe(waiting, "x", name="one", inputs=(Input.of(gate),)), tmp_path
        )
        carry_out(recipe("echo 2 > x", "x", name="two"), tmp_path)
        gate.write_text("open")
        assert not first.result().cached


def test_the_provenance_names_inputs_commands_environment_and_outputs(tmp_path: Path) -> None:
    (tmp_path / "input").write_text("a")
    made = recipe("cp /in/input x", "x", inputs=(Input.of(tmp_path / "input"),))
    built = carry_out(made, tmp_path)
    statement = provenance.read(built.provenance)
    definition = statement.predicate.build_definition
    assert [(each.name, each.digest) for each in statement.subject] == [
        ("x", provenance.Digest(made.inputs[0].sha256))
    ]
    assert definition.external_parameters.script == "cp /in/input x"
    assert definition.external_parameters.environment["TZ"] == "UTC"
    names = [each.name for each in definition.resolved_dependencies]
    assert names == ["input", "build-root", "host"]
    assert statement.predicate.run_details.metadata.invocation_id == made.identity


def test_the_provenance_names_the_roots_packages_by_digest(tmp_path: Path) -> None:
    root = BuildRoot(HOST.path, ("gcc=12", "make=4"), {"gcc=12": "a" * 64})
    statement = provenance.read(
        carry_out(recipe("echo 1 > x", "x", root=root), tmp_path).provenance
    )
    packages = statement.predicate.build_definition.resolved_dependencies[-2:]
    assert packages == (
        provenance.Resource("gcc", provenance.Digest("a" * 64), "pkg:deb/debian/gcc@12"),
        provenance.Resource("make", None, "pkg:deb/debian/make@4"),
    )


def test_the_provenance_of_the_same_recipe_is_the_same(tmp_path: Path) -> None:
    one = carry_out(recipe("echo 1 > x", "x"), tmp_path / "one").provenance.read_bytes()
    two = carry_out(recipe("echo 1 > x", "x"), tmp_path / "two").provenance.read_bytes()
    assert one == two


def test_a_result_that_was_being_removed_counts_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, **_: object) -> None:
        raise KeyboardInterrupt(path)

    carry_out(recipe(TWICE, "moment"), tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            carry_out(recipe(TWICE, "moment"), tmp_path, anew=True)
    assert not carry_out(recipe(TWICE, "moment"), tmp_path).cached
