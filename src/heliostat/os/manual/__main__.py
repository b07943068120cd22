"""``python -m heliostat.os.manual [ROOT]`` writes the generated files of tdnf again."""

from __future__ import annotations

import sys
from pathlib import Path

from heliostat.os.manual.completion import bash, zsh
from heliostat.os.manual.pages import command_page, reference_page, settings_page

_FILES = Path("distro/packages/tdnf/files/usr/share")
GENERATED = {
    _FILES / "man/man8/tdnf.8": command_page,
    _FILES / "man/man5/tdnf.conf.5": settings_page,
    _FILES / "bash-completion/completions/tdnf": bash,
    _FILES / "zsh/vendor-completions/_tdnf": zsh,
    Path("docs/reference/tdnf.md"): reference_page,
}


def main(root: Path) -> None:
    """Writes every generated file below ``root``, the project's folder."""
    for path, text in GENERATED.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
