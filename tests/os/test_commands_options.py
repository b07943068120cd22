"""``helio os`` speaks like the rest of ``helio``: options before the noun, errors with a code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heliostat.cli.main import run


@pytest.mark.parametrize("before", [True, False])
def test_json_may_be_chosen_before_or_after(
    before: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen, verb = ["-o", "json"], ["os", "image", "list", "--out", str(tmp_path)]
    assert run([*chosen, *verb] if before else [*verb, *chosen]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == []


def test_an_image_that_was_not_built_has_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["os", "image", "show", "nothing", "--out", str(tmp_path)]) == 1
    assert "ImageNotFound" in capsys.readouterr().err
