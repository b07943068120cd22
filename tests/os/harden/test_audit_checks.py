"""Every kind of check on a tree that is as wanted, and on one that is not."""

# ruff: noqa: E501 - tables of cases, a row each
from __future__ import annotations

import datetime as dt
import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heliostat.os.harden.audit import audit
from heliostat.os.harden.exemptions import Exemption
from heliostat.os.harden.report import Outcome, Verdict
from heliostat.os.harden.rules import Rule
from heliostat.os.harden.tree import Tree
from heliostat.testing.roots import ACCOUNTS, planted

TODAY = dt.date(2026, 11, 21)
PASS, FAIL, NONE = Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE


def judged(root: Path, check: dict[str, Any], *exceptions: Exemption, **more: Any) -> Verdict:
    values = {"id": "x", "title": "X", "remediation": "Mend it.", **check, **more}
    rule = msgspec.convert(values, Rule)
    return audit(root, [rule], exceptions, today=TODAY).verdicts[0]


SYSCTL = {"sysctl": {"settings": {"kernel.kptr_restrict": "2", "net.ipv4.conf.all.rp_filter": "1"}}}
SSH = {
    "ssh": {"settings": {"PermitRootLogin": ["no", "prohibit-password"], "MaxAuthTries": "<= 4"}}
}
PAM = {
    "pam": {
        "services": ["login"],
        "group": "password",
        "module": "pam_pwquality.so",
        "before": "pam_unix.so",
        "arguments": {"retry": "<= 3"},
    }
}
LOCKOUT = {
    "pam": {
        "services": ["login"],
        "group": "auth",
        "module": "pam_faillock.so",
        "arguments": {"preauth": "set", "authfail": "set"},
    }
}
MODULES = {"pam_modules": {"folders": ["/lib/security"]}}
NULLOK = {"pam_forbidden": {"module": "pam_unix.so", "arguments": ["nullok"]}}
FAILLOCK = {
    "settings": {
        "file": "/etc/security/faillock.conf",
        "values": {"deny": "<= 5", "even_deny_root": "set"},
    }
}
SUDO = {
    "lines": {
        "files": ["/etc/sudoers", "/etc/sudoers.d/*"],
        "wants": ["use_pty"],
        "forbids": ["NOPASSWD"],
    }
}
AUDITED = {"audit_rules": {"watches": {"/etc/sudoers": "wa", "/etc/sudoers.d": "wa"}}}
QUALITY = {
    "settings": {
        "file": "/etc/security/pwquality.conf",
        "main_last": True,
        "values": {"minlen": ">= 12"},
    }
}
REPOSITORIES = {"lines": {"files": ["/etc/yum.repos.d/*.repo"], "sections": ["^gpgcheck=1"]}}
LIMITS = {"ssh": {"settings": {"LoginGraceTime": ["1 to 60", "1m"]}}}
FIREWALL = {"firewall": {"policies": {"input": "drop"}, "ports": ["22/tcp"]}}
NFT = "table inet f { chain input { type filter hook input priority 0; policy %s;\n %s\n } }\n"
KERNEL = {"kernel_options": {"options": {"RANDOMIZE_BASE": "y", "DEVKMEM": "n"}}}
CMDLINE = {"command_line": {"wants": ["ro"], "forbids": ["nokaslr", "mitigations"]}}
MOUNTS = {"mounts": {"options": {"/tmp": ["nosuid", "nodev"]}, "root_type": "ext4", "swap": False}}
CERTIFICATES = {"certificates": {"at_least": 2}}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
MODES = {"modes": {"/etc/shadow": {"mode": "0640", "group": ["root", "shadow"]}}}
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
UNITS = "/usr/lib/systemd/system"

CASES: list[tuple[str, dict[str, Any], dict[str, str], Outcome]] = [
    (
        "drop-in",
        SYSCTL,
        {"/usr/lib/sysctl.d/1.conf": "kernel.kptr_restrict = 2\nnet/ipv4/conf/all/rp_filter=1"},
        PASS,
    ),
    (
        "pattern",
        SYSCTL,
        {"/etc/sysctl.d/1.conf": "kernel.kptr_restrict=2\nnet.ipv4.conf.*.rp_filter=1"},
        PASS,
    ),
    (
        "later file wins",
        SYSCTL,
        {
            "/etc/sysctl.d/1.conf": "kernel.kptr_restrict=2",
            "/etc/sysctl.d/2.conf": "kernel.kptr_restrict=0",
        },
        FAIL,
    ),
    ("sysctl.conf alone is not read", SYSCTL, {"/etc/sysctl.conf": "kernel.kptr_restrict=2"}, FAIL),
    ("nothing set", SYSCTL, {}, FAIL),
    ("no sshd", SSH, {}, NONE),
    ("ssh defaults", SSH, {"/etc/ssh/sshd_config": "\n"}, FAIL),
    (
        "ssh drop-in",
        SSH,
        {
            "/etc/ssh/sshd_config": "Include sshd_config.d/*.conf\nMaxAuthTries 6",
            "/etc/ssh/sshd_config.d/1.conf": "MaxAuthTries 3",
        },
        PASS,
    ),
    ("first line wins", SSH, {"/etc/ssh/sshd_config": "MaxAuthTries 6\nMaxAuthTries 3"}, FAIL),
    (
        "a match loosens",
        SSH,
        {"/etc/ssh/sshd_config": "MaxAuthTries=2\nMatch User bob\n PermitRootLogin yes"},
        FAIL,
    ),
    # as `sshd -T` of OpenSSH 10 reads them
    ("a tab between", SSH, {"/etc/ssh/sshd_config": "MaxAuthTries 3\nPermitRootLogin\tyes"}, FAIL),
    (
        "blanks about =",
        SSH,
        {"/etc/ssh/sshd_config": "MaxAuthTries = 3\nPermitRootLogin= no"},
        PASS,
    ),
    (
        "a quoted keyword",
        SSH,
        {"/etc/ssh/sshd_config": 'MaxAuthTries 3\n"PermitRootLogin" yes'},
        FAIL,
    ),
    ("in seconds", LIMITS, {"/etc/ssh/sshd_config": "LoginGraceTime 60"}, PASS),
    ("in minutes", LIMITS, {"/etc/ssh/sshd_config": "LoginGraceTime 1m"}, PASS),
    ("0 is no limit", LIMITS, {"/etc/ssh/sshd_config": "LoginGraceTime 0"}, FAIL),
    (
        "the file itself has the last word",
        QUALITY,
        {
            "/etc/security/pwquality.conf": "minlen = 6",
            "/etc/security/pwquality.conf.d/50.conf": "minlen = 12",
        },
        FAIL,
    ),
    (
        "the drop-in counts where the file is silent",
        QUALITY,
        {
            "/etc/security/pwquality.conf": "# minlen = 6",
            "/etc/security/pwquality.conf.d/50.conf": "minlen = 12",
        },
        PASS,
    ),
    (
        "the drop-in alone",
        {"settings": {**QUALITY["settings"], "values": {"minlen": ">= 12", "x": "2"}}},
        {
            "/etc/security/pwquality.conf.d/1.conf": "minlen = 12\nx = 1",
            "/etc/security/pwquality.conf.d/2.conf": "x = 2",
        },
        PASS,
    ),
    (
        "a section without",
        REPOSITORIES,
        {"/etc/yum.repos.d/a.repo": "[a]\ngpgcheck=1\n[b]\nbaseurl=x\n"},
        FAIL,
    ),
    (
        "every section",
        REPOSITORIES,
        {"/etc/yum.repos.d/a.repo": "# x\n[a]\ngpgcheck=1\n[b]\ngpgcheck=1\n"},
        PASS,
    ),
    (
        "pam in order",
        PAM,
        {
            "/etc/pam.d/login": "@include common",
            "/etc/pam.d/common": "password requisite pam_pwquality.so retry=3\npassword [success=1 default=ignore] pam_unix.so",
        },
        PASS,
    ),
    (
        "pam in wrong order",
        PAM,
        {
            "/etc/pam.d/login": "password required pam_unix.so\npassword requisite pam_pwquality.so retry=3"
        },
        FAIL,
    ),
    (
        "pam argument",
        PAM,
        {"/etc/pam.d/login": "password required /lib/security/pam_pwquality.so retry=9"},
        FAIL,
    ),
    ("pam without", PAM, {"/etc/pam.d/login": "password required pam_unix.so"}, FAIL),
    ("no service", PAM, {}, NONE),
    (
        "failures are looked at and counted",
        LOCKOUT,
        {
            "/etc/pam.d/login": "auth required pam_faillock.so preauth\nauth [default=die] pam_faillock.so authfail"
        },
        PASS,
    ),
    (
        "failures are looked at, not counted",
        LOCKOUT,
        {"/etc/pam.d/login": "auth required pam_faillock.so preauth\nauth required pam_unix.so"},
        FAIL,
    ),
    ("nullok", NULLOK, {"/etc/pam.d/x": "auth required pam_unix.so nullok"}, FAIL),
    ("no nullok", NULLOK, {"/etc/pam.d/x": "auth required pam_unix.so # nullok"}, PASS),
    ("faillock", FAILLOCK, {"/etc/security/faillock.conf": "deny = 3\neven_deny_root\n"}, PASS),
    (
        "faillock weak",
        FAILLOCK,
        {"/etc/security/faillock.conf": "deny = 50\n# even_deny_root\n"},
        FAIL,
    ),
    ("sudo", SUDO, {"/etc/sudoers": "Defaults use_pty\n"}, PASS),
    (
        "sudo without password",
        SUDO,
        {"/etc/sudoers": "Defaults use_pty\n", "/etc/sudoers.d/a": "bob ALL=(ALL) NOPASSWD: ALL"},
        FAIL,
    ),
    (
        "watched",
        AUDITED,
        {
            "/etc/audit/rules.d/1.rules": "-w /etc/sudoers -p wa -k s\n-a always,exit -F dir=/etc/sudoers.d -F perm=wa -k s"
        },
        PASS,
    ),
    ("watched above", AUDITED, {"/etc/audit/rules.d/1.rules": "-w /etc -p rwxa"}, PASS),
    ("open quotation mark", AUDITED, {"/etc/audit/rules.d/1.rules": "-w /etc -p wa -k it's"}, PASS),
    ("half watched", AUDITED, {"/etc/audit/rules.d/1.rules": "-w /etc/sudoers -p w"}, FAIL),
    (
        "what is not recorded",
        AUDITED,
        {
            "/etc/audit/rules.d/1.rules": "-a never,exit -F dir=/etc -F perm=wa\n-a exit,never -F dir=/etc"
        },
        FAIL,
    ),
    (
        "two watches",
        AUDITED,
        {
            "/etc/audit/rules.d/1.rules": "-w /etc/sudoers -p w\n-w /etc/sudoers -p a\n-w /etc/sudoers.d -p wa"
        },
        PASS,
    ),
    (
        "a narrower watch below",
        AUDITED,
        {"/etc/audit/rules.d/1.rules": "-w /etc -p wa\n-w /etc/sudoers -p r"},
        PASS,
    ),
    ("no auditd", AUDITED, {}, NONE),
    (
        "drop but ssh",
        FIREWALL,
        {"/etc/nftables.conf": NFT % ("drop", "tcp dport ssh accept")},
        PASS,
    ),
    (
        "open port",
        FIREWALL,
        {"/etc/nftables.conf": NFT % ("drop", "tcp dport { 22, 8080 } accept")},
        FAIL,
    ),
    ("accept", FIREWALL, {"/etc/nftables.conf": NFT % ("accept", "")}, FAIL),
    *(
        (f"nft: {rule}", FIREWALL, {"/etc/nftables.conf": NFT % ("drop", rule)}, wanted)
        for rule, wanted in [
            ("accept", FAIL),
            ('iifname "eth0" accept', FAIL),
            ("ct state new,established accept", FAIL),
            ("ip saddr { 10.0.0.0/8 } counter accept", FAIL),
            ("tcp dport != 22 accept", FAIL),
            ("tcp dport 22 accept; accept", FAIL),
            ("ct state { established, related } accept", PASS),
            ('iifname "lo" accept', PASS),
            ("meta l4proto ipv6-icmp icmpv6 type { echo-request } accept", PASS),
            ("ip protocol icmp accept", PASS),
        ]
    ),
    (
        "a rule added elsewhere",
        FIREWALL,
        {
            "/etc/nftables.conf": NFT % ("drop", ""),
            "/etc/nftables.d/1.nft": "add rule inet f input ip saddr 10.0.0.0/8 accept",
        },
        FAIL,
    ),
    *(
        (
            f"iptables: {rule}",
            FIREWALL,
            {"/etc/iptables/rules.v4": f":INPUT DROP [0:0]\n-A INPUT {rule} -j ACCEPT\n"},
            wanted,
        )
        for rule, wanted in [
            ("-s 10.0.0.0/8", FAIL),
            ("-i lo", PASS),
            ("-m state --state ESTABLISHED", PASS),
            ("-p tcp -m tcp --dport 22", PASS),
        ]
    ),
    (
        "ports of a set",
        FIREWALL,
        {
            "/etc/nftables.conf": "set p { type inet_service; elements = { 22 } }\n"
            + (NFT % ("drop", "tcp dport @p accept"))
        },
        PASS,
    ),
    (
        "port added to a set",
        FIREWALL,
        {
            "/etc/nftables.conf": "set p { elements = { 22 } }\n"
            + (NFT % ("drop", "tcp dport @p accept")),
            "/etc/nftables.d/1.nft": "add element inet f p { 80 }",
        },
        FAIL,
    ),
    ("module missing", MODULES, {"/etc/pam.d/x": "auth required pam_y.so"}, FAIL),
    (
        "module may be missing",
        MODULES,
        {
            "/etc/pam.d/x": "-auth optional pam_y.so\nauth required pam_z.so",
            "/lib/security/pam_z.so": "",
        },
        PASS,
    ),
    ("no stacks", MODULES, {}, NONE),
    (
        "saved",
        FIREWALL,
        {
            "/etc/iptables/rules.v4": "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n"
        },
        PASS,
    ),
    ("no rules", FIREWALL, {}, FAIL),
    (
        "kernel",
        KERNEL,
        {"/usr/lib/modules/6.12/config": "CONFIG_RANDOMIZE_BASE=y\n# CONFIG_DEVKMEM is not set\n"},
        PASS,
    ),
    ("weak kernel", KERNEL, {"/boot/config-6.12": "# CONFIG_RANDOMIZE_BASE is not set\n"}, FAIL),
    ("no kernel", KERNEL, {}, NONE),
    (
        "command line",
        CMDLINE,
        {"/boot/grub/grub.cfg": "menuentry x {\n linux /vmlinuz root=/dev/vda ro quiet\n}\n"},
        PASS,
    ),
    (
        "weak command line",
        CMDLINE,
        {"/boot/loader/entries/a.conf": "title x\noptions ro mitigations=off\n"},
        FAIL,
    ),
    (
        "mounts",
        MOUNTS,
        {"/etc/fstab": "LABEL=root / ext4 defaults 0 1\ntmpfs /tmp tmpfs nosuid,nodev 0 0\n"},
        PASS,
    ),
    (
        "swap",
        MOUNTS,
        {"/etc/fstab": "LABEL=root / ext4 defaults 0 1\n/dev/vdb none swap sw 0 0\n"},
        FAIL,
    ),
    ("bare tmp", MOUNTS, {"/etc/fstab": "tmpfs /tmp tmpfs rw 0 0\n"}, FAIL),
    ("certificates", CERTIFICATES, {BUNDLE: CERTIFICATE * 2}, PASS),
    ("too few", CERTIFICATES, {BUNDLE: CERTIFICATE}, FAIL),
    ("trigger did not run", CERTIFICATES, {"/usr/share/ca-certificates/x.crt": CERTIFICATE}, FAIL),
    ("shadowed", {"accounts": {"state": "shadowed"}}, ACCOUNTS, PASS),
    (
        "no line in shadow",
        {"accounts": {"state": "shadowed"}},
        {**ACCOUNTS, "/etc/shadow": "root:!*:20000::::::\n"},
        FAIL,
    ),
    *(
        (
            f"passwd holds {told or 'nothing'}",
            {"accounts": {"state": "shadowed"}},
            {**ACCOUNTS, "/etc/passwd": f"root:x:0:0::/root:/bin/sh\nbob:{told}:7:7::/:/bin/sh\n"},
            FAIL,
        )
        for told in ("$6$salt$hash", "", "!")
    ),
    ("root locked", {"accounts": {"state": "root-locked"}}, ACCOUNTS, PASS),
    (
        "root open",
        {"accounts": {"state": "root-locked"}},
        {**ACCOUNTS, "/etc/shadow": "root:$y$abc:1:::::\n"},
        FAIL,
    ),
    (
        "empty password",
        {"accounts": {"state": "no-empty-password"}},
        {**ACCOUNTS, "/etc/shadow": "helio::1:::::\n"},
        FAIL,
    ),
    (
        "weak hash",
        {"accounts": {"state": "strong-hash"}},
        {**ACCOUNTS, "/etc/shadow": "helio:$1$abc:1:::::\n"},
        FAIL,
    ),
    (
        "two roots",
        {"accounts": {"state": "one-root"}},
        {"/etc/passwd": "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n"},
        FAIL,
    ),
    (
        "twice",
        {"accounts": {"state": "unique"}},
        {"/etc/passwd": "a:x:5:0::/:/bin/sh\nb:x:5:0::/:/bin/sh\n"},
        FAIL,
    ),
    (
        "service with shell",
        {"accounts": {"state": "system-without-shell"}},
        {"/etc/passwd": "www:x:33:33::/:/bin/bash\n"},
        FAIL,
    ),
    ("absent", {"absent": {"paths": ["/etc/ssh/ssh_host_*"]}}, {"/etc/ssh/ssh_config": ""}, PASS),
    (
        "left over",
        {"absent": {"paths": ["/etc/ssh/ssh_host_*"]}},
        {"/etc/ssh/ssh_host_rsa_key": ""},
        FAIL,
    ),
    ("present", {"present": {"paths": ["/usr/**/x"]}}, {"/usr/a/b/x": ""}, PASS),
    ("missing", {"present": {"paths": ["/usr/**/x"]}}, {"/usr/a/b/y": ""}, FAIL),
    ("no database", {"unowned": {}}, {"/etc/x": ""}, NONE),
    (
        "owned",
        {"unowned": {"generated": ["/var/**", "/etc/g"]}},
        {"/var/lib/dpkg/info/x.list": "/etc/x\n", "/etc/x": "", "/etc/g": ""},
        PASS,
    ),
    (
        "planted",
        {"unowned": {"generated": ["/var/**"]}},
        {"/var/lib/dpkg/info/x.list": "/etc/x\n", "/etc/evil": ""},
        FAIL,
    ),
    ("no rpm database", {"signed_packages": {}}, {"/etc/x": ""}, NONE),
]  # fmt: skip - one row a case


@pytest.mark.parametrize(
    ("check", "files", "wanted"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_a_tree_is_judged(
    tmp_path: Path, check: dict[str, Any], files: dict[str, str], wanted: Outcome
) -> None:
    verdict = judged(planted(tmp_path, files), check)
    assert verdict.outcome is wanted, verdict
    assert verdict.summary
    assert wanted is not FAIL or verdict.evidence


ALLOWED = {"set_id": {"allowed": {"/usr/bin/su": "4755"}}}


@pytest.mark.parametrize(
    ("path", "mode", "wanted"),
    [
        ("/usr/bin/su", 0o4755, PASS),
        ("/usr/bin/su", 0o755, PASS),
        ("/usr/bin/su", 0o4777, FAIL),
        ("/usr/bin/other", 0o4755, FAIL),
        ("/usr/bin/other", 0o2755, FAIL),
    ],
)
def test_set_uid_files_are_named(tmp_path: Path, path: str, mode: int, wanted: Outcome) -> None:
    root = planted(tmp_path, {path: "x"}, modes={path: mode})
    assert judged(root, ALLOWED).outcome is wanted


@pytest.mark.parametrize(
    ("mode", "allowed", "wanted"),
    [(0o1777, ["/tmp"], PASS), (0o777, ["/tmp"], FAIL), (0o1777, [], FAIL), (0o755, [], PASS)],
)
def test_world_writable_folders_are_sticky_and_named(
    tmp_path: Path, mode: int, allowed: list[str], wanted: Outcome
) -> None:
    root = planted(tmp_path, {"/tmp/x": ""}, modes={"/tmp": mode})
    assert judged(root, {"world_writable": {"allowed": allowed}}).outcome is wanted


@pytest.mark.parametrize(("mode", "wanted"), [(0o640, PASS), (0o600, PASS), (0o644, FAIL)])
def test_modes_are_upper_bounds(tmp_path: Path, mode: int, wanted: Outcome) -> None:
    root = planted(tmp_path, ACCOUNTS, modes={"/etc/shadow": mode})
    os.chown(root / "etc/shadow", 0, 42)
    verdict = judged(root, MODES)
    assert verdict.outcome is wanted
    assert verdict.evidence[0].found == f"{mode:04o} root:shadow"


def test_an_owner_nobody_knows(tmp_path: Path) -> None:
    root = planted(tmp_path, {**ACCOUNTS, "/usr/x": ""})
    assert judged(root, {"owners": {}}).outcome is PASS
    os.chown(root / "usr/x", 4242, 0)
    verdict = judged(root, {"owners": {}})
    assert [(each.path, each.found) for each in verdict.evidence] == [("/usr/x", "4242:0")]


def test_capabilities_are_told_as_getcap_does(tmp_path: Path) -> None:
    root = planted(tmp_path, {"/usr/bin/ping": "x"})
    subprocess.run(["setcap", "cap_net_raw,cap_bpf=ep", root / "usr/bin/ping"], check=True)
    shown = subprocess.run(["getcap", root / "usr/bin/ping"], capture_output=True, text=True)
    told = Tree(root).capabilities["/usr/bin/ping"]
    assert shown.stdout.strip().endswith(told)
    assert judged(root, {"capabilities": {"allowed": {"/usr/bin/ping": told}}}).outcome is PASS
    verdict = judged(root, {"capabilities": {"allowed": {"/usr/bin/ping": "cap_net_raw=ep"}}})
    assert verdict.outcome is FAIL


def enabled(root: Path, *units: str) -> Path:
    for unit in units:
        link = root / "etc/systemd/system/multi-user.target.wants" / unit
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"{UNITS}/{unit}")
    return root


def test_units_enabled_disabled_and_masked(tmp_path: Path) -> None:
    files = {f"{UNITS}/{name}": "[Unit]\n" for name in ("a.service", "b.service", "c.service")}
    links = {"/etc/systemd/system/c.service": "/dev/null"}
    root = enabled(planted(tmp_path, files, links=links), "a.service", "c.service")
    wanted = {"enabled": ["a.service"], "disabled": ["b.service"], "masked": ["c.service"]}
    assert judged(root, {"units": wanted}).outcome is PASS
    wrong = judged(root, {"units": {"enabled": ["b.service", "c.service", "d.service"]}})
    assert [each.found for each in wrong.evidence] == ["not enabled", "masked", "not installed"]


def test_only_named_units_start(tmp_path: Path) -> None:
    root = enabled(planted(tmp_path, {f"{UNITS}/x.service": "x"}), "ssh.service", "evil.service")
    verdict = judged(root, {"enabled_units": {"allowed": ["ssh.*"]}})
    assert [each.path for each in verdict.evidence] == ["evil.service"]
    assert judged(root, {"enabled_units": {"allowed": ["*"]}}).outcome is PASS


def test_what_listens_is_named(tmp_path: Path) -> None:
    socket = "[Socket]\nListenStream=/run/x.sock\nListenStream=8080\n"
    files = {
        f"{UNITS}/web.socket": socket,
        f"{UNITS}/local.socket": "[Socket]\nListenStream=127.0.0.1:1\nListenDatagram=/run/y\n",
        f"{UNITS}/etcd.service": "x",
    }
    root = enabled(planted(tmp_path, files), "web.socket", "local.socket", "etcd.service")
    services = {"etcd.service": "2379/tcp"}
    verdict = judged(root, {"listening": {"services": services}})
    assert {(each.path, each.found) for each in verdict.evidence} == {
        ("web.socket", "opens 8080"),
        ("etcd.service", "opens 2379/tcp"),
    }
    allowed = {
        "services": services,
        "allowed": ["etcd.service"],
        "sockets": {"web.socket": ["8080"]},
    }
    assert judged(root, {"listening": allowed}).outcome is PASS


def test_an_empty_listen_takes_back(tmp_path: Path) -> None:
    files = {
        f"{UNITS}/web.socket": "[Socket]\nListenStream=80\n",
        "/etc/systemd/system/web.socket.d/local.conf": "[Socket]\nListenStream=\nListenStream=/run/w\n",
    }
    root = enabled(planted(tmp_path, files), "web.socket")
    assert judged(root, {"listening": {}}).outcome is PASS


def test_a_rule_needs_its_subject(tmp_path: Path) -> None:
    check = {"absent": {"paths": ["/x"]}, "needs": ["/usr/sbin/auditd"]}
    assert judged(planted(tmp_path, {"/etc/x": ""}), check).outcome is NONE


def test_exceptions_excuse_with_reason_until_their_day(tmp_path: Path) -> None:
    root = planted(tmp_path, {"/usr/bin/a": "", "/usr/bin/b": ""})
    check = {"absent": {"paths": ["/usr/bin/*"]}}
    good = Exemption("x", "Needed by the tests.", TODAY, ("/usr/bin/a",))
    late = Exemption("x", "Was needed once.", TODAY - dt.timedelta(days=1), ("/usr/bin/b",))
    verdict = judged(root, check, good, late)
    assert verdict.outcome is FAIL
    assert [each.evidence.path for each in verdict.excused] == ["/usr/bin/a"]
    assert verdict.evidence[0].found == "there; excused until 2026-11-20"
    both = judged(root, check, good, Exemption("x", "Both.", TODAY, ("/usr/bin/?",)))
    assert both.outcome is PASS
    assert "2 excused by name" in both.summary
