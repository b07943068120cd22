"""Settings files of the common kinds: ``key = value``, ``key value``, sections, drop-ins."""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.os.harden.tree import Tree


@dataclass(frozen=True, slots=True)
class Setting:
    """The value that counts and the file that has it."""

    value: str
    path: str


def settings(
    tree: Tree, path: str, section: str | None = None, *, main_last: bool = False
) -> dict[str, Setting]:
    """What holds in the file ``path`` with its drop-ins (``<path>.d/*.conf``); the last wins.

    With ``main_last`` the file itself is read after its drop-ins.  For files of systemd
    (``/etc/systemd/x.conf``) the vendor's drop-ins count as well.  A key without a value has the
    value ``""``.
    """
    found: dict[str, Setting] = {}
    mains, drop_ins = _mains(tree, path), _drop_ins(tree, path)
    for file in (*drop_ins, *mains) if main_last else (*mains, *drop_ins):
        current: str | None = None
        for raw in (tree.text(file) or "").splitlines():
            line = raw.strip()
            if line.startswith("[") and line.endswith("]"):
                current = line[1:-1]
            elif line and line[0] not in "#;" and (section is None or current == section):
                key, value = _split(line)
                found[key] = Setting(value, file)
    return found


def files_of(tree: Tree, path: str) -> list[str]:
    """The files that are read, in order."""
    return [*_mains(tree, path), *_drop_ins(tree, path)]


def _mains(tree: Tree, path: str) -> list[str]:
    """The file itself, or the vendor's where the administrator has none."""
    for candidate in (
        path,
        path.replace("/etc/", "/usr/lib/", 1),
        path.replace("/etc/", "/usr/etc/", 1),
    ):
        if tree.text(candidate) is not None:
            return [candidate]
    return []


def _drop_ins(tree: Tree, path: str) -> list[str]:
    if path.startswith("/etc/systemd/"):
        return tree.config_files(f"{path.removeprefix('/etc/')}.d")
    return tree.files_in(f"{path}.d", ".conf")


def _split(line: str) -> tuple[str, str]:
    body = line.split(" #", 1)[0].strip()
    key, equals, value = body.partition("=")
    if not equals or " " in key.strip() or "\t" in key.strip():
        words = body.split(None, 1)
        return words[0], words[1].strip() if len(words) > 1 else ""
    return key.strip(), value.strip().strip('"')
