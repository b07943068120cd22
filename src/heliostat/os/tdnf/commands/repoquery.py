"""``repoquery``: which packages, and what is to be known of them."""

from __future__ import annotations

import time

from heliostat.os.tdnf.commands.listing import summary
from heliostat.os.tdnf.errors import (
    INVALID_ARGUMENT,
    ONE_DEPENDENCY_ONLY,
    QUERY_WITH_FORMAT,
    TdnfError,
)
from heliostat.os.tdnf.packages.pool import in_order, nevra
from heliostat.os.tdnf.packages.relations import RELATIONS, owners, related, relations
from heliostat.os.tdnf.packages.scopes import (
    available,
    by_name_and_arch,
    compared,
    extras,
    matching,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import solv

    from heliostat.os.tdnf.arguments import Options
    from heliostat.os.tdnf.session import Session

_KINDS = (*RELATIONS, "depends", "requires_pre")
_OTHER_QUERIES = ("changelogs", "list_", "source")
# the JSON's key of a query whose name isn't just capitalised
_KEYS = {"requires_pre": "RequiresPre"}


def repoquery(session: Session) -> int:
    """``repoquery [NAME]`` with its options.  Raises ``TdnfError`` 902, 914, 917, 1622."""
    kind = _query(session.options)
    if len(session.arguments) > 1:
        raise TdnfError(INVALID_ARGUMENT, "repoquery takes one name, which may have globs.")
    if session.options.qf is not None:
        _formatted(session, session.options.qf)
        return 0
    packages = _selected(session)
    if kind == "list_":
        session.packages.load_files()
    elif kind == "changelogs":
        session.packages.load_changes()
    if session.out.json:
        session.out.value([_described(session, each, kind) for each in packages])
    elif not kind:
        session.out.lines(nevra(each) for each in packages)
    elif kind == "changelogs":
        session.out.lines(line for each in packages for line in _change_lines(session, each))
    else:
        known = {line for each in packages for line in _known(each, kind)}
        session.out.lines(sorted(known))
    return 0


def _query(options: Options) -> str:
    """Which one thing is asked, as the option's attribute; "" for the packages themselves."""
    asked = [each for each in (*_KINDS, *_OTHER_QUERIES) if getattr(options, each)]
    if options.qf is not None and asked:
        raise TdnfError(QUERY_WITH_FORMAT)
    if len(asked) > 1:
        raise TdnfError(ONE_DEPENDENCY_ONLY)
    return asked[0] if asked else ""


def _selected(session: Session) -> list[solv.XSolvable]:
    """The packages that every selecting option and the name leave."""
    options, packages = session.options, session.packages
    found = _in_scope(session)
    if session.arguments:
        found = matching(session, found, session.arguments)
    if options.arch:
        found = [each for each in found if each.arch in options.arch]
    if options.userinstalled:
        from heliostat.os.tdnf.history.marks import automatic_names

        automatic = automatic_names(session)
        found = [each for each in found if each.name not in automatic]
    for kind in (*RELATIONS, "depends"):
        wanted = getattr(options, f"what{kind}")
        if wanted:
            ids = related(packages, kind, wanted)
            found = [each for each in found if each.id in ids]
    if options.file is not None:
        ids = {each.id for each in owners(packages, options.file)}
        found = [each for each in found if each.id in ids]
    return in_order(found)


def _in_scope(session: Session) -> list[solv.XSolvable]:
    options, packages = session.options, session.packages
    if options.extras:
        return extras(packages)
    if options.duplicates:
        groups = by_name_and_arch(packages.installed.solvables).values()
        return [each for group in groups if len(group) > 1 for each in group]
    if options.upgrades or options.downgrades:
        return compared(packages, newer=options.upgrades)
    if options.recent:
        from heliostat.os.tdnf.packages.scopes import packages_in

        return packages_in(session, "recent", now=time.time())
    installed = options.installed or options.userinstalled
    found = list(packages.installed.solvables) if installed else []
    return found + available(packages) if options.available or not installed else found


def _known(package: solv.XSolvable, kind: str) -> list[str]:
    if kind == "list_":
        from heliostat.os.tdnf.packages.relations import files

        return files(package)
    if kind == "source":
        return [(package.lookup_sourcepkg() or f"{nevra(package)}.rpm").removesuffix(".rpm")]
    return relations(package, kind)


def _described(session: Session, package: solv.XSolvable, kind: str) -> dict[str, Any]:
    told: dict[str, Any] = {"Nevra": nevra(package), **summary(package)}
    if kind == "source":
        told["Source"] = _known(package, kind)[0]
    elif kind == "list_":
        told["Files"] = _known(package, kind)
    elif kind == "changelogs":
        told["ChangeLogs"] = [
            {"Time": day, "Author": author, "Text": text}
            for day, author, text in _changes(session, package)
        ]
    elif kind:
        told[_KEYS.get(kind, kind.capitalize())] = _known(package, kind)
    return told


def _changes(session: Session, package: solv.XSolvable) -> list[tuple[str, str, str]]:
    """Day, author and text of each change."""
    from heliostat.os.tdnf.packages.relations import changes

    return [
        (time.strftime("%a %b %d %Y", time.gmtime(each.time)), each.author, each.text)
        for each in changes(session.packages, package)
    ]


def _change_lines(session: Session, package: solv.XSolvable) -> list[str]:
    told = _changes(session, package)
    return [line for day, author, text in told for line in (f"{day} {author}", text)]


def _formatted(session: Session, text: str) -> None:
    from heliostat.os.tdnf.packages.template import Template

    template = Template(text)
    lines = [template.fill(each) for each in _selected(session)]
    session.out.value(lines)
    session.out.lines(lines)
