"""A tree is read as from inside: links stay in it, vendor's files give way to /etc."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.harden.elf import elf_files
from heliostat.os.harden.patterns import matches
from heliostat.os.harden.tree import Entry, Tree
from heliostat.os.harden.unitfiles import find, is_masked
from heliostat.os.inventory.libraries import libraries_in
from heliostat.testing.roots import planted


def test_absolute_links_stay_inside(tmp_path: Path) -> None:
    root = planted(
        tmp_path, {"/usr/share/zone": "here"}, links={"/etc/localtime": "/usr/share/zone"}
    )
    assert Tree(root).text("/etc/localtime") == "here"


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../../../etc/passwd"])
def test_no_link_leads_out_of_the_tree(tmp_path: Path, target: str) -> None:
    root = planted(tmp_path / "root", {"/etc/x": ""}, links={"/etc/link": target})
    assert Tree(root).text("/etc/link") is None


def test_folders_that_are_links_lead_nowhere_else(tmp_path: Path) -> None:
    """What a name is by itself is looked at behind the links of its folder, which stay inside."""
    planted(tmp_path / "host", {"/empty": "", "/a.service": ""})
    root = planted(
        tmp_path / "root",
        {"/usr/lib/systemd/system/b.service": "[Unit]\n"},
        links={"/etc/outside": f"{tmp_path}/host", "/etc/systemd/system": "../../usr/off"},
    )
    tree = Tree(root)
    assert not tree.is_masked("/etc/outside/empty")
    assert find(tree, "a.service") is None
    assert find(tree, "b.service") == "/usr/lib/systemd/system/b.service"
    (root / "usr/off").mkdir()
    (root / "usr/off/b.service").symlink_to("/dev/null")
    assert is_masked(tree, "b.service")


def test_what_goes_while_a_running_system_is_looked_at_is_passed_over(tmp_path: Path) -> None:
    class Running(Tree):
        def _entry(self, path: str) -> Entry:
            if path in ("/tmp/file", "/tmp/folder"):
                shutil.rmtree(tmp_path / "tmp")
            return super()._entry(path)

    planted(tmp_path, {"/tmp/file": "", "/tmp/folder/x": "", "/usr/x": ""})
    assert list(Running(tmp_path).entries) == ["/tmp", "/usr", "/usr/x"]


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_programs_and_libraries_of_the_root_itself_have_whole_paths(tmp_path: Path) -> None:
    """`helio os audit /` and `helio os cve scan /`: what only runs there is left alone."""
    metadata = "Metadata-Version: 2.1\nName: gone\nVersion: 1.0\n"
    planted(
        tmp_path,
        {
            "/usr/bin/true": Path("/usr/bin/true").read_bytes(),
            "/proc/1/exe": Path("/usr/bin/true").read_bytes(),
            "/usr/lib/python3/gone.egg-info": metadata,
            "/run/gone.egg-info": metadata,
        },
    )
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.chroot(tmp_path)
        os.chdir("/")
        told = [path for path, _ in elf_files(Path("/"))]
        told += [place for each in libraries_in(Path("/")) for place in each.places]
        os.write(write, "\n".join(told).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1 << 16).decode().splitlines() == [
        "/usr/bin/true",
        "/usr/lib/python3/gone.egg-info",
    ]
    for handle in (read, write):
        os.close(handle)


def test_a_file_of_settings_without_end_is_not_read(tmp_path: Path) -> None:
    root = planted(tmp_path, {"/etc/sudoers": "Defaults use_pty\n"})
    with (root / "etc/sudoers").open("r+b") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(HeliostatError, match="/etc/sudoers has more than 64 MiB"):
        Tree(root).text("/etc/sudoers")


def test_links_in_a_circle_are_nothing(tmp_path: Path) -> None:
    root = planted(tmp_path, {"/x": ""}, links={"/a": "b", "/b": "a"})
    assert Tree(root).resolve("/a") is None


def test_etc_of_an_image_based_system_is_found(tmp_path: Path) -> None:
    root = planted(tmp_path, {"/usr/etc/hostname": "vendor"})
    assert Tree(root).text("/etc/hostname") == "vendor"


def test_owned_paths_are_compared_behind_links(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "/var/lib/dpkg/info/x.list": b"/.\n/bin/x\n/lib/y\n" + b"/usr/\xff\n",
        "/usr/bin/x": "",
        "/usr/lib/y": "",
    }
    root = planted(tmp_path, files, links={"/bin": "usr/bin", "/lib": "usr/lib"})
    owned = Tree(root).owned
    assert owned is not None
    assert {"/usr/bin/x", "/usr/lib/y"} <= owned


SNIPPETS = {
    "/etc/sysctl.d/50-b.conf": "b\n",
    "/usr/lib/sysctl.d/50-b.conf": "hidden\n",
    "/usr/lib/sysctl.d/10-a.conf": "a\n",
    "/usr/lib/sysctl.d/99-z.conf": "z\n",
    "/run/sysctl.d/60-r.conf": "r\n",
    "/usr/lib/sysctl.d/70-off.conf": "off\n",
    "/usr/lib/sysctl.d/README": "no\n",
}


def test_snippets_are_merged_by_name(tmp_path: Path) -> None:
    root = planted(tmp_path, SNIPPETS, links={"/etc/sysctl.d/70-off.conf": "/dev/null"})
    names = ["/usr/lib/sysctl.d/10-a.conf", "/etc/sysctl.d/50-b.conf"]
    names += ["/run/sysctl.d/60-r.conf", "/usr/lib/sysctl.d/99-z.conf"]
    assert Tree(root).config_files("sysctl.d") == names


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")
def test_systemd_merges_them_alike(tmp_path: Path) -> None:
    root = planted(tmp_path, SNIPPETS, links={"/etc/sysctl.d/70-off.conf": "/dev/null"})
    argv = ["systemd-analyze", f"--root={root}", "cat-config", "sysctl.d"]
    shown = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout
    content = [line for line in shown.splitlines() if line and not line.startswith("#")]
    ours = [(Tree(root).text(path) or "").strip() for path in Tree(root).config_files("sysctl.d")]
    assert content == ours


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("/usr/bin/x", "/usr/bin/*", True),
        ("/usr/bin/a/x", "/usr/bin/*", False),
        ("/usr/bin/a/x", "/usr/**", True),
        ("/usr/lib/a/b/c.so", "/usr/lib/**/c.so", True),
        ("/usr/lib/c.so", "/usr/lib/**/c.so", True),
        ("/usr/bin/[", "/usr/bin/[", True),
        ("/etc/shadow-", "/etc/shadow", False),
    ],
)
def test_patterns(path: str, pattern: str, fits: bool) -> None:
    assert matches(path, pattern) is fits
