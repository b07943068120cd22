"""The name service's order, with sssd in it: pure text, the same text a second time.

Debian's and Fedora's own programs do this where they are; see ``family``.
"""

from __future__ import annotations

DATABASES = ("passwd", "group", "shadow")


def with_sss(text: str) -> str:
    """``/etc/nsswitch.conf`` that asks sssd after the machine's own files.

    Where a line says what is done with answers, sssd comes last: nobody joins a group of the
    machine by having one of its name elsewhere.

    >>> with_sss("passwd: files systemd\\nhosts: files dns\\n")
    'passwd: files sss systemd\\nhosts: files dns\\ngroup: files sss\\nshadow: files sss\\n'
    """
    lines = [_asking(line) for line in text.splitlines()]
    present = {line.partition(":")[0].strip() for line in lines}
    missing = [f"{each}: files sss" for each in DATABASES if each not in present]
    return "".join(f"{line}\n" for line in [*lines, *missing])


def _asking(line: str) -> str:
    database, colon, rest = line.partition(":")
    sources = rest.partition("#")[0].split()
    if not colon or database.strip() not in DATABASES or "sss" in sources:
        return line
    place = sources.index("files") + 1 if "files" in sources else len(sources)
    if any(each.startswith("[") for each in sources):
        place = len(sources)  # what is merged are the machine's own accounts, and no other's
    return f"{database}: {' '.join([*sources[:place], 'sss', *sources[place:]])}"
