"""``helio os audit`` on folders and disk images: table, JSON, HTML and the exit code."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from heliostat.cli.main import run
from heliostat.core.errors import HeliostatError
from heliostat.os.extraction import opened
from heliostat.testing.roots import ACCOUNTS, planted

RULES = """
rules:
  - id: set-id
    title: Only su
    severity: high
    remediation: chmod
    standards: {cis: [7.1.13]}
    set_id: {allowed: {/usr/bin/su: "4755"}}
  - id: caps
    title: Only ping
    remediation: setcap -r
    capabilities: {allowed: {/usr/bin/ping: cap_net_raw=ep}}
  - id: sticky
    title: Sticky
    remediation: chmod
    world_writable: {allowed: [/tmp]}
  - id: banner
    title: No <b>bold</b> banner
    severity: low
    remediation: Remove it & go.
    absent: {paths: [/etc/issue*]}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return planted(tmp_path / "rules", {"/rules.yaml": RULES})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        **ACCOUNTS,
        "/usr/bin/su": "x",
        "/usr/bin/ping": "x",
        "/tmp/.keep": "",
        "/etc/issue": "",
    }
    files["/etc/os-release"] = 'PRETTY_NAME="Sample <1>"\n'
    root = planted(tmp_path / "tree", files, modes={"/usr/bin/su": 0o4755, "/tmp": 0o1777})
    (root / "usr/bin/ping").chmod(0o755)
    subprocess.run(["setcap", "cap_net_raw=ep", root / "usr/bin/ping"], check=True)
    os.chown(root / "etc/shadow", 0, 42)
    return root


def file_system(tree: Path, path: Path) -> Path:
    """An ext4 with the tree."""
    with path.open("wb") as stream:
        stream.truncate(24 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, path], check=True)
    return path


@pytest.fixture
def image(tree: Path, tmp_path: Path) -> Path:
    """A GPT disk with a boot partition and the tree as ext4 root."""
    root, disk = file_system(tree, tmp_path / "root.ext4"), tmp_path / "disk.raw"
    with disk.open("wb") as stream:
        stream.truncate(32 << 20)
    table = "label: gpt\nstart=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649\n"
    table += "start=4096, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n"
    subprocess.run(["sfdisk", "-q", disk], input=table.encode(), check=True)
    with disk.open("r+b") as stream, root.open("rb") as source:
        stream.seek(4096 * 512)
        shutil.copyfileobj(source, stream)
    return disk


def test_names_of_an_image_are_never_requests(tree: Path, tmp_path: Path) -> None:
    """debugfs hands a line with an exclamation mark in front to a shell."""
    (tree / 'usr/say "hi"').mkdir()
    (tree / 'usr/say "hi"/su').write_text("x")
    (tree / 'usr/say "hi"/su').chmod(0o4755)
    with opened(file_system(tree, tmp_path / "quoted.raw")) as system:
        assert (system.root / 'usr/say "hi"/su').stat().st_mode & 0o7777 == 0o4755
    told = tmp_path / "told"
    (tree / "usr/x\n!echo>told;#").mkdir()
    image = file_system(tree, tmp_path / "broken.raw")
    with (
        contextlib.chdir(tmp_path),
        pytest.raises(HeliostatError, match="a name in /usr is no line of text"),
        opened(image),
    ):
        pass
    assert not told.exists()


def audited(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = run(["os", "audit", *(str(each) for each in arguments)])
    return code, capsys.readouterr().out


def test_a_table_tells_failures_first(
    tree: Path, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = audited(capsys, tree, "--rules", rules)
    assert code == 1
    lines = out.splitlines()
    assert lines[0].endswith("(Sample <1>)")
    assert lines[2].startswith("fail  low     banner")
    assert "/etc/issue: there; wanted: absent" in out
    assert lines[-1] == "4 rules: 3 pass, 1 fail (1 low), 0 not applicable."


@pytest.mark.parametrize(("from_", "code"), [("low", 1), ("medium", 0), ("never", 0)])
def test_the_exit_code_follows_the_severity(
    tree: Path, rules: Path, capsys: pytest.CaptureFixture[str], from_: str, code: int
) -> None:
    assert audited(capsys, tree, "--rules", rules, "--fail-on", from_)[0] == code


def test_json_has_every_rule_with_its_standards(
    tree: Path, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out = audited(capsys, tree, "--rules", rules, "-o", "json")
    told = json.loads(out)
    assert told["summary"] == {"pass": 3, "fail": 1, "notApplicable": 0}
    assert [each["outcome"] for each in told["rules"]] == ["pass", "pass", "pass", "fail"]
    assert told["rules"][0]["standards"] == ["CIS 7.1.13"]
    assert told["rules"][3]["evidence"] == [
        {"path": "/etc/issue", "found": "there", "wanted": "absent"}
    ]


class _Page(HTMLParser):
    """Whether every element is closed, what is open, and what is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_escaped_and_loads_nothing(
    tree: Path, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out = audited(capsys, tree, "--rules", rules, "-o", "html")
    page = _Page()
    page.feed(out)
    assert page.open == []
    assert page.loads == []
    assert "No <b>bold</b> banner" in page.text
    assert "Sample <1>" in page.text


def test_an_image_is_judged_like_its_tree(
    image: Path, tree: Path, rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Set-uid bits, sticky folders and capabilities come through, from raw and from qcow2."""
    packed = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", image, packed], check=True)
    reports = []
    for subject in (tree, image, packed):
        code, out = audited(capsys, subject, "--rules", rules, "-o", "json")
        assert code == 1
        reports.append(json.loads(out)["rules"])
    assert reports[1] == reports[0]
    assert reports[2] == reports[0]


def test_a_bare_file_system_is_an_image_too(image: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "root.ext4") as system:
        assert system.capabilities == {"/usr/bin/ping": "cap_net_raw=ep"}
        assert (system.root / "etc/shadow").stat().st_gid == 42
    assert not system.root.exists()


@pytest.mark.parametrize("content", [b"", b"no disk", bytes(4 << 20)])
def test_what_is_no_image_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.raw").write_bytes(content)
    with (
        pytest.raises(HeliostatError, match="can't be looked into") as caught,
        opened(tmp_path / "file.raw"),
    ):
        pass
    assert caught.value.code == "NotASystem"


def test_a_missing_subject_and_an_unknown_rule(
    tmp_path: Path, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["os", "audit", str(tmp_path / "nothing")]) == 1
    assert "no such file" in capsys.readouterr().err
    assert run(["os", "audit", str(tree), "--only", "elf-pi"]) == 1
    assert "did you mean 'elf-pie'" in capsys.readouterr().err


def test_what_only_root_may_read_is_told(tree: Path) -> None:
    def refused() -> None:
        with opened(tree):
            raise PermissionError(13, "Permission denied", "/x/etc/shadow")

    with pytest.raises(HeliostatError, match="only root may read /x/etc/shadow"):
        refused()
