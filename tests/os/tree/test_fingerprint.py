"""Trees are equal exactly when their digests are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heliostat.os.tree import fingerprint
from heliostat.os.tree.fingerprint import lines_of


def tree(root: Path) -> Path:
    (root / "etc").mkdir(parents=True)
    (root / "etc/name").write_text("one\n")
    (root / "link").symlink_to("etc/name")
    os.link(root / "etc/name", root / "same")
    for path in (root / "etc/name", root / "link", root / "etc", root):
        os.utime(path, (1, 1), follow_symlinks=False)
    return root


def test_copies_in_other_places_are_equal(tmp_path: Path) -> None:
    assert fingerprint(tree(tmp_path / "a")) == fingerprint(tree(tmp_path / "deep/down/b"))


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "etc/name").write_text("two\n"),
        lambda root: (root / "etc/name").chmod(0o600),
        lambda root: os.utime(root / "etc/name", (2, 2)),
        lambda root: os.setxattr(root / "etc/name", "user.mark", b"1"),
        lambda root: (root / "new").touch(),
        lambda root: ((root / "same").unlink(), (root / "same").write_text("one\n")),
    ],
    ids=["content", "mode", "time", "attribute", "file", "link"],
)
def test_any_change_is_seen(tmp_path: Path, change: Callable[[Path], object]) -> None:
    before, after = tree(tmp_path / "a"), tree(tmp_path / "b")
    change(after)
    for root in (before, after):
        os.utime(root, (1, 1))
    assert fingerprint(before) != fingerprint(after)


def test_the_lines_tell_what_differs(tmp_path: Path) -> None:
    lines = list(lines_of(tree(tmp_path / "a")))
    assert [line.split(" ")[0] for line in lines] == ["/", "/etc", "/etc/name", "/link", "/same"]
    assert lines[3].endswith("-> etc/name")
    assert lines[4].endswith("= /etc/name")
