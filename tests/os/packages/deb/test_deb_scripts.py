"""Maintainer scripts: what is understood, and what somebody must read."""

from __future__ import annotations

import pytest

from heliostat.os.packages.deb.alternatives import Alternative, alternatives_in
from heliostat.os.packages.deb.scripts import read_scripts

GENERATED = """\
#!/bin/sh
set -e

# Automatically added by dh_installsystemd/13.24.2
if [ "$1" = "configure" ] || [ "$1" = "abort-upgrade" ]; then
	deb-systemd-helper unmask 'ssh.service' >/dev/null || true
	if deb-systemd-helper --quiet was-enabled 'ssh.service'; then
		deb-systemd-helper enable 'ssh.service' >/dev/null || true
	fi
fi
# End automatically added section
# Automatically added by dh_installdeb/13.24.2
dpkg-maintscript-helper rm_conffile /etc/old 1.0~ -- "$@"
# End automatically added section
case "$1" in
    configure|abort-upgrade)
        ;;
    *)
        echo "postinst called with unknown argument \\`$1'" >&2
        exit 1
        ;;
esac
exit 0
"""


def test_generated_code_means_something_and_leaves_nothing() -> None:
    meaning = read_scripts({"postinst": GENERATED})
    assert meaning.residues == ()
    assert meaning.units == ("ssh.service",)


def test_what_was_written_by_hand_remains() -> None:
    by_hand = GENERATED.replace(
        "        ;;\n    *)", "        adduser --system me\n        ;;\n    *)"
    )
    (residue,) = read_scripts({"postinst": by_hand}).residues
    assert (residue.script, residue.lines) == ("postinst", ("adduser --system me",))


def test_blocks_of_a_tool_that_nobody_knows_count_as_written_by_hand() -> None:
    unknown = GENERATED.replace("dh_installdeb", "dh_surprise").replace(
        "dpkg-maintscript-helper", "do"
    )
    (residue,) = read_scripts({"postinst": unknown}).residues
    assert residue.lines == ('do rm_conffile /etc/old 1.0~ -- "$@"',)


def test_a_review_holds_as_long_as_the_lines_do() -> None:
    def digest(text: str) -> str:
        return read_scripts({"preinst": text}).residues[0].digest

    assert digest("#!/bin/sh\nrm -f /x\n") == digest(
        "#!/bin/bash\nset -e\n\n  rm   -f /x\n# note\n"
    )
    assert digest("rm -f /x\n") != digest("rm -f /y\n")


def test_the_kernels_version_may_change_without_a_new_review() -> None:
    def digest(version: str) -> str:
        text = f"version={version}\ndepmod $version\n"
        return read_scripts({"postinst": text}, f"linux-image-{version}").residues[0].digest

    assert digest("6.12.48+deb13-cloud-amd64") == digest("6.12.63+deb13-cloud-amd64")


def test_a_compiled_script_is_residue() -> None:
    (residue,) = read_scripts({"preinst": "\x7fELF\x02\x01"}).residues
    assert residue.lines == ("a compiled program of 6 bytes",)


def test_copies_of_ucf_are_data() -> None:
    meaning = read_scripts({"postinst": "ucf --three-way /usr/share/a/a.conf /etc/a.conf\n"})
    assert meaning.copies == (("/usr/share/a/a.conf", "/etc/a.conf"),)


ALTERNATIVES = r"""
update-alternatives --quiet --install /usr/bin/vi vi /usr/bin/vim.basic 30 \
    --slave /usr/share/man/man1/vi.1.gz vi.1.gz /usr/share/man/man1/vim.1.gz
update-alternatives \
    --install /usr/sbin/iptables iptables /usr/sbin/iptables-nft 20
update-alternatives --install "$link" guess "$target" 10
"""


def test_alternatives_are_links_and_variables_are_not_guessed() -> None:
    man = "/usr/share/man/man1/vi.1.gz"
    assert list(alternatives_in(ALTERNATIVES)) == [
        Alternative("/usr/bin/vi", "/usr/bin/vim.basic", "/usr/bin/vi", 30),
        Alternative(man, "/usr/share/man/man1/vim.1.gz", "/usr/bin/vi", 30),
        Alternative("/usr/sbin/iptables", "/usr/sbin/iptables-nft", "/usr/sbin/iptables", 20),
    ]


@pytest.mark.parametrize("line", ["set -e", "exit 0", "  :", "esac", "ldconfig", "abort-remove)"])
def test_lines_that_do_nothing_are_nothing(line: str) -> None:
    assert read_scripts({"postinst": f"#!/bin/sh\n{line}\n"}).residues == ()


@pytest.mark.parametrize(
    "line",
    [
        "rm -rf /",
        "exit 0; rm -rf /",
        "ldconfig; wget x",
        "set -e; reboot",
        "true && halt",
        "echo unknown argument; reboot",
        "update-alternatives --auto x; reboot",
        'case "$1$(reboot)" in',
    ],
)
def test_nothing_hides_behind_a_line_that_does_nothing(line: str) -> None:
    assert read_scripts({"postinst": f"#!/bin/sh\n{line}\n"}).residues[0].lines == (line,)
