"""``(deb, policy) -> Package``: pure, so that its result can be kept by the hash of its inputs.

A package with hand-written script code that the policy doesn't name is refused, with the
lines that were found and the entry to write once somebody has read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from heliostat.core.counting import counted
from heliostat.core.errors import HeliostatError
from heliostat.os.packages.deb.archive import Deb
from heliostat.os.packages.deb.changelogs import changelog_of
from heliostat.os.packages.deb.licences import licence_of
from heliostat.os.packages.deb.parts import (
    dropped_requires,
    part_of,
    requires_below,
    without_parts,
)
from heliostat.os.packages.deb.payload import Strip, files_of, newest_time
from heliostat.os.packages.deb.policy import Policy
from heliostat.os.packages.deb.policy_schema import PackagePolicy
from heliostat.os.packages.deb.relations import Relations, relations_of
from heliostat.os.packages.deb.scripts import Residue, read_scripts
from heliostat.os.packages.deb.strip import strip_elf
from heliostat.os.packages.deb.versions import evr_of
from heliostat.os.packages.rpm.file import opened
from heliostat.os.packages.rpm.package import FileTrigger, Package, TriggerKind
from heliostat.os.packages.rpm.relation import Relation, Sense
from heliostat.os.sources.entry import source_of

VENDOR = "Heliostat (imported from Debian)"
ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64", "all": "noarch"}


def convert(
    deb: Deb, policy: Policy, *, name: str | None = None, strip: Strip = strip_elf
) -> Package:
    """The RPM of ``deb``, or of its part ``name``.

    ``ImportRefused`` if the policy doesn't allow it, with what to write.
    """
    decided = policy.of(deb.name)
    try:
        whole = _whole(deb, policy, strip)
    except ValueError as error:
        raise HeliostatError(
            "ImportRefused",
            f"The control data of {deb.name} {deb.version} can't be read: {error}.",
            hint="Name another version; whoever made the package has to mend this one.",
        ) from error
    part = decided.parts.get(name or "")
    if part is None or name is None:
        return without_parts(whole, decided)
    version = str(evr_of(deb.version, decided.raise_epoch))
    return part_of(whole, name, part, version, deb.control)


def _whole(deb: Deb, policy: Policy, strip: Strip) -> Package:
    """With the files of its parts, without what they require."""
    decided = policy.of(deb.name)
    refuse_replaced(deb.name, policy)
    meaning = read_scripts(deb.scripts, deb.name)
    refuse_unread(deb.name, meaning.residues, policy)
    evr = evr_of(deb.version, decided.raise_epoch)
    said = relations_of(deb.name, deb.control, dropped_requires(decided))
    summary, description = _description(deb.control.get("Description", ""))
    return Package(
        name=deb.name,
        epoch=evr.epoch or None,
        version=evr.version,
        release=evr.release,
        arch=architecture_of(deb),
        summary=summary,
        description=description,
        licence=licence_of(deb.name, _copyright(deb), policy.defaults.licences),
        vendor=VENDOR,
        packager=deb.control.get("Maintainer", ""),
        url=deb.control.get("Homepage", ""),
        group=deb.control.get("Section", "Unspecified"),
        source_rpm=source_rpm(deb.control),
        build_time=newest_time(deb),
        files=files_of(deb, policy, meaning, strip),
        provides=_provides(deb, decided, said),
        requires=_requires(decided, said, str(evr)),
        conflicts=_without(said.conflicts, decided.drop_conflicts),
        obsoletes=said.obsoletes,
        recommends=_without(said.recommends, decided.drop_recommends),
        suggests=said.suggests,
        enhances=said.enhances,
        file_triggers=tuple(_triggers(decided)),
        changelog=changelog_of(deb),
    )


def refuse_replaced(name: str, policy: Policy) -> None:
    """Packages that one of ours takes the place of are not imported."""
    if name in policy.replaced:
        raise HeliostatError(
            "ImportRefused",
            f"{name} is not imported: {policy.replaced[name]} takes its place.",
            hint="Take the name out of `replaced` in distro/policy if that has changed.",
        )


def refuse_unread(name: str, residues: Iterable[Residue], policy: Policy) -> None:
    """``ImportRefused`` unless the policy names every hand-written part as it is now."""
    unread = [residue for residue in residues if not is_read(name, residue, policy)]
    if not unread:
        return
    lines = [f"{each.script}: {line}" for each in unread for line in each.lines]
    scripts = " and ".join(residue.script for residue in unread)
    raise HeliostatError(
        "ImportRefused",
        f"{name} has hand-written code in its {scripts} that nobody has read here: "
        f"{counted(len(lines), 'line')}.",
        hint="Read them (`helio os import --show-scripts`), put into data what is needed, and add "
        f"to distro/policy:\n{entry_for(name, unread)}",
        data={"name": name, "lines": lines, "entry": entry_for(name, unread)},
    )


def entry_for(name: str, residues: Iterable[Residue]) -> str:
    """What to write into the policy once the residues were read."""
    written = [f"packages:\n  {name}:\n    scripts:"]
    for residue in residues:
        written.append(
            f'      {residue.script}: {{digests: ["{residue.digest}"], why: WRITE THE REASON}}'
        )
    return "\n".join(written)


def architecture_of(deb: Deb) -> str:
    """RPM's name of the package's architecture."""
    found = ARCHITECTURES.get(deb.control.get("Architecture", ""))
    if found is None:
        raise HeliostatError(
            "ImportRefused",
            f"{deb.name} is for the architecture {deb.control.get('Architecture')}.",
            hint=f"Known are {', '.join(ARCHITECTURES)}.",
        )
    return found


def source_rpm(control: dict[str, str]) -> str:
    """The name that ties the package to its source, as RPM writes it."""
    name, version = source_of(control["Package"], control["Version"], control.get("Source", ""))
    evr = evr_of(version)
    return f"{name}-{evr.version}-{evr.release}.src.rpm"


def is_read(name: str, residue: Residue, policy: Policy) -> bool:
    """Whether the policy names this residue as it is."""
    if residue.script in policy.defaults.scripts:
        return True
    reviews = {str(script): review for script, review in policy.of(name).scripts.items()}
    review = reviews.get(residue.script)
    return review is not None and residue.digest in review.digests


def _provides(deb: Deb, decided: PackagePolicy, said: Relations) -> tuple[Relation, ...]:
    """Its own name and version (also the unraised one, which others ask for), then the rest."""
    versions = dict.fromkeys((evr_of(deb.version, decided.raise_epoch), evr_of(deb.version)))
    own = (Relation(deb.name, Sense.EQUAL, str(evr)) for evr in versions)
    added = (Relation.parse(text) for text in decided.provides)
    return tuple(dict.fromkeys((*own, *said.provides, *added)))


def _requires(decided: PackagePolicy, said: Relations, own: str) -> tuple[Relation, ...]:
    added = (*(Relation.parse(text) for text in decided.requires), *requires_below(decided, own))
    interpreters = (Relation(trigger.interpreter) for trigger in decided.triggers)
    return tuple(dict.fromkeys((*said.requires, *added, *interpreters)))


def _without(relations: Iterable[Relation], dropped: Iterable[str]) -> tuple[Relation, ...]:
    names = frozenset(dropped)
    return tuple(each for each in relations if each.name not in names)


def _triggers(decided: PackagePolicy) -> Iterable[FileTrigger]:
    for trigger in decided.triggers:
        yield FileTrigger(
            TriggerKind(trigger.kind),
            trigger.paths,
            trigger.run,
            trigger.interpreter,
            trigger.priority,
        )


def _description(field: str) -> tuple[str, str]:
    """The one-line summary, and the text without Debian's dots for blank lines."""
    summary, _, rest = field.partition("\n")
    text = re.sub(r"^\.$", "", rest, flags=re.MULTILINE).strip()
    return summary.strip(), text or summary.strip()


def _copyright(deb: Deb) -> str:
    path = f"/usr/share/doc/{deb.name}/copyright"
    for member in deb.members:
        if member.path == path and member.info.isreg():
            with opened(member.content) as stream:
                return stream.read().decode("utf-8", "replace")
    return ""
