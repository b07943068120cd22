"""What our own packages hold, judged by the programs that will read it."""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from heliostat.core.process import run
from heliostat.os.image.distro import locate_distro
from heliostat.os.packages.deb.policy import load_policy
from heliostat.os.packages.own import own_packages
from heliostat.os.packages.rpm.file import opened
from heliostat.os.packages.rpm.package import Package
from heliostat.os.tree import load_edition
from heliostat.os.tree.edition import edition_names

OWN = {package.name: package for package in own_packages()}


def needs(program: str) -> str:
    """Its path; skips the test where it isn't installed."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def text(package: Package, path: str) -> str:
    file = next(file for file in package.files if file.path == path)
    with opened(file.content) as stream:
        return stream.read().decode()


def laid_out(folder: Path, *names: str) -> Path:
    """The files of our packages below ``folder``."""
    for name in names:
        for file in OWN[name].files:
            path = folder / file.path.lstrip("/")
            if file.is_regular:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text(OWN[name], file.path))
                path.chmod(stat.S_IMODE(file.mode))
    return folder


def test_names_that_are_never_imported_are_provided_by_what_takes_their_place() -> None:
    policy = load_policy(locate_distro() / "policy")
    provided = {
        name: {relation.name for relation in package.provides} for name, package in OWN.items()
    }
    missing = [
        f"{name} by {ours}"
        for name, ours in policy.replaced.items()
        if name not in provided.get(ours, set())
    ]
    assert missing == []


def test_folders_that_no_import_owns_are_owned_by_the_file_system() -> None:
    policy = load_policy(locate_distro() / "policy")
    owned = {file.path for file in OWN["heliostat-filesystem"].files}
    # what is volatile, or a link of the merged tree, belongs to whoever makes it
    assert set(policy.defaults.folders) - owned <= {"/run/lock"}


def test_editions_name_only_our_packages_that_there_are() -> None:
    for name in edition_names():
        ours = {each for each in load_edition(name).packages if each.startswith("heliostat-")}
        assert ours <= OWN.keys()


def test_nobody_has_a_password_and_files_agree_on_who_there_is() -> None:
    system = OWN["heliostat-filesystem"]
    users = [line.split(":") for line in text(system, "/etc/passwd").splitlines()]
    shadow = [line.split(":") for line in text(system, "/etc/shadow").splitlines()]
    groups = [line.split(":") for line in text(system, "/etc/group").splitlines()]
    assert [user[0] for user in users] == [line[0] for line in shadow]
    assert {line[1] for line in shadow} == {"!*"}
    assert {user[3] for user in users} <= {group[2] for group in groups}
    assert len({group[2] for group in groups}) == len(groups)
    assert [group[0] for group in groups] == [
        line.split(":")[0] for line in text(system, "/etc/gshadow").splitlines()
    ]


@pytest.mark.parametrize(
    ("added", "open_port", "code"),
    [
        ("", False, 0),
        ("add element inet heliostat tcp_ports { 443 }", True, 0),
        ("add element inet heliostat tcp_ports { 443 }\nadd nonsense", False, 1),
    ],
)
def test_the_firewall_drops_what_it_does_not_name_whatever_a_machine_adds(
    tmp_path: Path, added: str, open_port: bool, code: int
) -> None:
    """With a mistake in what was added it is as delivered, and its unit fails."""
    nft = needs("nft")
    if os.geteuid() != 0:
        pytest.skip("nft takes rules from root only")
    root = laid_out(tmp_path, "heliostat-firewall")
    site = root / "usr/lib/heliostat/firewall-site.nft"
    site.write_text(site.read_text().replace('"/', f'"{root}/'))
    (root / "etc/nftables.d/50-site.nft").write_text(f"{added}\n")
    unit = (root / "usr/lib/systemd/system/heliostat-firewall.service").read_text()
    (start,) = re.findall(r"^ExecStart=(.*)$", unit.replace("\\\n", ""), re.M)
    start = start.replace("/usr/sbin/nft", nft).replace("/usr/lib/", f"{root}/usr/lib/")
    script = f"{start}; echo $?; {nft} list table inet heliostat"
    told = run(["unshare", "--net", "sh", "-c", script], timeout_s=30).stdout
    assert told.startswith(f"{code}\n")
    assert "hook input priority filter; policy drop" in told
    assert "hook forward priority filter; policy drop" in told
    assert ("443" in told) == open_port


def test_sshd_takes_its_settings_and_no_password_opens_it(tmp_path: Path) -> None:
    sshd, keygen = needs("sshd"), needs("ssh-keygen")
    key = tmp_path / "key"
    run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(key)], timeout_s=30)
    settings = tmp_path / "sshd_config"
    told = text(OWN["heliostat-hardening"], "/etc/ssh/sshd_config.d/90-heliostat.conf")
    settings.write_text(told.replace("/etc/ssh/ssh_host_ed25519_key", str(key)))
    Path("/run/sshd").mkdir(exist_ok=True) if os.geteuid() == 0 else None
    lines = run([sshd, "-T", "-f", str(settings)], timeout_s=30).stdout.splitlines()
    assert {
        "permitrootlogin without-password",
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
        "permitemptypasswords no",
        "maxauthtries 4",
        "allowtcpforwarding no",
        "usepam yes",
    } <= set(lines)


def test_visudo_takes_the_rules(tmp_path: Path) -> None:
    visudo = needs("visudo")
    rules = laid_out(tmp_path, "heliostat-hardening") / "etc/sudoers.d/50-heliostat"
    run([visudo, "--check", "--file", str(rules)], timeout_s=30)


def test_the_settings_of_cloud_init_are_yaml_with_every_source_that_is_promised() -> None:
    told = text(OWN["heliostat-cloud"], "/etc/cloud/cloud.cfg.d/90_heliostat.cfg")
    sources = YAML(typ="safe").load(told)["datasource_list"]
    promised = "NoCloud ConfigDrive OpenStack Ec2 GCE Azure VMware OVF CloudStack"
    assert set(promised.split()) <= set(sources)


def test_a_weak_password_is_refused_by_root_too() -> None:
    settings = text(OWN["heliostat-pam"], "/etc/security/pwquality.conf.d/50-heliostat.conf")
    told = {line.replace(" ", "") for line in settings.splitlines()}
    assert {"enforce_for_root", "dictcheck=1", "usercheck=1", "gecoscheck=1"} <= told
    stack = text(OWN["heliostat-pam"], "/etc/pam.d/common-password").splitlines()
    modules = [line.split("pam_")[1].split(".")[0] for line in stack if "pam_" in line]
    assert modules.index("pwquality") < modules.index("unix")
    assert all("nullok" not in line for line in stack)


def test_presets_name_each_unit_once_and_end_by_disabling_the_rest() -> None:
    told = text(
        OWN["heliostat-presets"], "/usr/lib/systemd/system-preset/50-heliostat.preset"
    ).splitlines()
    rows = [line.split() for line in told if line and not line.startswith("#")]
    assert rows[-1] == ["disable", "*"]
    names = [row[1] for row in rows]
    assert len(set(names)) == len(names)
