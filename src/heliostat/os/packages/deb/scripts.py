"""Maintainer scripts, read and never run: what they mean, and what is left by hand.

debhelper wraps what it generates in comments that name the tool.  ``TOOLS`` says, tool by
tool, what becomes of it here.  Outside of those blocks lines that do nothing (case labels,
``set -e``, complaints about unknown arguments) are dropped; what then remains was written
by hand for this package.  Such a *residue* is named by a digest, so that a review of it
holds exactly as long as the code stays the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from heliostat.os.packages.deb.alternatives import Alternative, alternatives_in

T = TypeVar("T")

TOOLS: dict[str, str] = {
    "dh_apparmor": "profiles are loaded at boot",
    "dh_icons": "no icon caches",
    "dh_installalternatives": "plain links",
    "dh_installcatalogs": "no SGML catalogues",
    "dh_installdeb": "history of the package's configuration files within Debian",
    "dh_installdebconf": "no debconf",
    "dh_installinit": "systemd's units are used",
    "dh_installinitramfs": "no initramfs-tools",
    "dh_installmenu": "no menus",
    "dh_installmime": "no desktop",
    "dh_installnss": "nsswitch.conf is our own",
    "dh_installsystemd": "presets decide which units are enabled",
    "dh_installsystemduser": "presets decide which units are enabled",
    "dh_installsysusers": "sysusers.d, by a file trigger",
    "dh_installtmpfiles": "tmpfiles.d, by a file trigger",
    "dh_installudev": "udev reads its rules at boot",
    "dh_installxmlcatalogs": "no XML catalogues",
    "dh_makeshlibs": "ldconfig, by a file trigger",
    "dh_modules": "depmod, by a file trigger",
    "dh_pypy": "no byte code of PyPy",
    "dh_python3": "byte code is made when a tree is composed",
    "dh_runit": "systemd's units are used",
    "dh_systemd_enable": "presets decide which units are enabled",
    "dh_systemd_start": "units start at boot",
    "dh_ucf": "the file is part of the package",
    "dh_usrlocal": "/usr/local is the administrator's",
}

_BLOCK = re.compile(
    r"^[ \t]*# Automatically added by (?P<tool>[\w-]+)\S*\n(?P<body>.*?)"
    r"^[ \t]*# End automatically added section[ \t]*\n?",
    re.MULTILINE | re.DOTALL,
)
_INERT = re.compile(
    r"""(?x)
    set\ [-+][eux]+ | exit(\ [0-9]+)? | return(\ 0)? | : | true | ;; | \{ | \}
    | esac | fi | done | else | then | do
    | case\ "?\$\{?1[-:\w]*\}?"?\ in
    | \(?["']?[\w*|\s"'-]+["']?\)(\s*:)?(\s*;;)? | \(?["']?[\w*|\s"'-]+["']?\)\s*exit\ 0\s*;;
    | (if|elif)\ \[\ "?\$\{?1\}?"?\ !?=\ ["']?[\w-]+["']?\ \]
      (\s*(\|\||-o)\s*(\[\ )?"?\$1"?\ =\ ["']?[\w-]+["']?(\ \])?)*;\ then
    | (?!.*(;|&&|\$\())echo\ .*(unknown|called\ with|argument).*
    | >&2 | db_stop(\s*\|\|\s*true)? | \#DEBHELPER\#
    | \.\ /usr/share/debconf/confmodule
    | (/usr/s?bin/|/s?bin/)?ldconfig(\ \|\|\ (true|:))?
    | (?!.*(;|&&|\$\())(/usr/bin/)?dpkg-maintscript-helper\ .*
    | (?!.*(;|&&|\$\())update-alternatives\ .*
    """
)
_UNIT = re.compile(
    r"deb-systemd-helper[^\n]*?\b(?:enable|was-enabled)\s+((?:'[^'\n]+'\s*|[\w@.-]+\s*)+)"
)
_VERSION_IN_NAME = re.compile(r"-(\d+\.\d+\.\d+\S*)$")
_UCF = re.compile(r"^\s*ucf\s+(?:-\S+\s+)*(/[^\s$]+)\s+(/[^\s$]+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Residue:
    """Lines of one script that nobody generated."""

    script: str
    """``preinst``, ``postinst``, ``prerm`` or ``postrm``."""
    lines: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that stand for exactly these lines."""
        return hashlib.sha256("\n".join(self.lines).encode("utf-8", "surrogateescape")).hexdigest()[
            :12
        ]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the scripts of a package come to, as data."""

    residues: tuple[Residue, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    units: tuple[str, ...] = ()
    """Units that Debian would enable; editions decide whether they do."""
    copies: tuple[tuple[str, str], ...] = ()
    """Configuration files that ``ucf`` would have put in place: from, to."""


def read_scripts(scripts: Mapping[str, str], package: str = "") -> Meaning:
    """``scripts`` by name; all four kinds are looked at, in the order of their names.

    A version in the name of the ``package`` (a kernel's) stands as ``{}`` in residues, so
    that the review of one holds for its successors.
    """
    versioned = _VERSION_IN_NAME.search(package)
    part = versioned[1] if versioned else "{}"
    named = sorted((name, text.replace(part, "{}")) for name, text in scripts.items())
    residues = (Residue(name, tuple(_residue(text))) for name, text in named)
    posts = [text for name, text in named if name == "postinst"]
    return Meaning(
        residues=tuple(residue for residue in residues if residue.lines),
        alternatives=tuple(_unique(each for text in posts for each in alternatives_in(text))),
        units=tuple(_unique(unit for text in posts for unit in _units(text))),
        copies=tuple(_unique(pair for text in posts for pair in _UCF.findall(text))),
    )


def _residue(text: str) -> Iterator[str]:
    if text.startswith("\x7fELF"):
        yield f"a compiled program of {len(text)} bytes"
        return
    by_hand = _BLOCK.sub(_of_unknown_tool, text).replace("\\\n", " ")
    for raw in by_hand.splitlines():
        line = " ".join(raw.encode("utf-8", "replace").decode().split())
        if line and not line.startswith("#") and not _INERT.fullmatch(line):
            yield line


def _of_unknown_tool(block: re.Match[str]) -> str:
    """Nothing, if it is known what the tool's blocks mean; else the block as if by hand."""
    return "" if block["tool"] in TOOLS else block["body"]


def _units(text: str) -> Iterator[str]:
    for names in _UNIT.findall(text):
        for name in names.split():
            if "." in name:
                yield name.strip("'")


def _unique(items: Iterable[T]) -> Iterable[T]:
    return dict.fromkeys(items)
