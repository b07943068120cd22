"""The main header of a package: everything it says, as tags."""

from __future__ import annotations

from heliostat.os.packages.rpm.file import VerifyFlag
from heliostat.os.packages.rpm.header import Entries
from heliostat.os.packages.rpm.package import FileTrigger, Package, ScriptKind
from heliostat.os.packages.rpm.payload import Member, WrittenPayload
from heliostat.os.packages.rpm.relation import Relation, Sense
from heliostat.os.packages.rpm.tags import SHA256, Kind, Tag

_RPM_VERSION = "4.18.0"
_FOLDER_BYTES = 4096
_GHOST_UNKNOWN = VerifyFlag.DIGEST | VerifyFlag.SIZE | VerifyFlag.LINK_TARGET | VerifyFlag.MTIME

_SCRIPTS = {
    ScriptKind.PRE: (Tag.PRE, Tag.PRE_PROGRAM),
    ScriptKind.POST: (Tag.POST, Tag.POST_PROGRAM),
    ScriptKind.PREUN: (Tag.PREUN, Tag.PREUN_PROGRAM),
    ScriptKind.POSTUN: (Tag.POSTUN, Tag.POSTUN_PROGRAM),
    ScriptKind.PRETRANS: (Tag.PRETRANS, Tag.PRETRANS_PROGRAM),
    ScriptKind.POSTTRANS: (Tag.POSTTRANS, Tag.POSTTRANS_PROGRAM),
}
RELATIONS = {
    "provides": (Tag.PROVIDE_NAME, Tag.PROVIDE_FLAGS, Tag.PROVIDE_VERSION),
    "requires": (Tag.REQUIRE_NAME, Tag.REQUIRE_FLAGS, Tag.REQUIRE_VERSION),
    "conflicts": (Tag.CONFLICT_NAME, Tag.CONFLICT_FLAGS, Tag.CONFLICT_VERSION),
    "obsoletes": (Tag.OBSOLETE_NAME, Tag.OBSOLETE_FLAGS, Tag.OBSOLETE_VERSION),
    "recommends": (Tag.RECOMMEND_NAME, Tag.RECOMMEND_FLAGS, Tag.RECOMMEND_VERSION),
    "suggests": (Tag.SUGGEST_NAME, Tag.SUGGEST_FLAGS, Tag.SUGGEST_VERSION),
    "supplements": (Tag.SUPPLEMENT_NAME, Tag.SUPPLEMENT_FLAGS, Tag.SUPPLEMENT_VERSION),
    "enhances": (Tag.ENHANCE_NAME, Tag.ENHANCE_FLAGS, Tag.ENHANCE_VERSION),
}


def main_header(
    package: Package, archive: list[Member], payload: WrittenPayload, level: int
) -> Entries:
    """``package`` is complete: what RPM expects to be said is said (see :mod:`.implied`)."""
    entries = Entries()
    _describe(entries, package)
    for name, tags in RELATIONS.items():
        _relate(entries, getattr(package, name), tags)
    _list_files(entries, archive, payload)
    for script in package.scripts:
        body, program = _SCRIPTS[script.kind]
        entries.string(body, script.body)
        entries.string(program, script.interpreter)
    _add_triggers(entries, [t for t in package.file_triggers if not t.kind.once_a_transaction], 0)
    _add_triggers(entries, [t for t in package.file_triggers if t.kind.once_a_transaction], 10)
    entries.integers(Tag.CHANGELOG_TIME, [change.time for change in package.changelog])
    entries.strings(Tag.CHANGELOG_NAME, [change.author for change in package.changelog])
    entries.strings(Tag.CHANGELOG_TEXT, [change.text for change in package.changelog])
    _describe_payload(entries, payload, level)
    return entries


def _describe(entries: Entries, package: Package) -> None:
    entries.strings(Tag.I18N_TABLE, ["C"])
    entries.string(Tag.NAME, package.name)
    entries.string(Tag.VERSION, package.version)
    entries.string(Tag.RELEASE, package.release)
    if package.epoch is not None:
        entries.integer(Tag.EPOCH, package.epoch)
    entries.translated(Tag.SUMMARY, package.summary)
    entries.translated(Tag.DESCRIPTION, package.description)
    entries.integer(Tag.BUILD_TIME, package.build_time)
    entries.string(Tag.BUILD_HOST, package.build_host)
    entries.string(Tag.LICENCE, package.licence)
    entries.translated(Tag.GROUP, package.group)
    entries.string(Tag.OS, "linux")
    entries.string(Tag.ARCH, package.arch)
    entries.string(Tag.SOURCE_RPM, package.source_rpm)
    entries.string(Tag.RPM_VERSION, _RPM_VERSION)
    entries.string(Tag.ENCODING, "utf-8")
    for tag, text in (
        (Tag.VENDOR, package.vendor),
        (Tag.PACKAGER, package.packager),
        (Tag.URL, package.url),
    ):
        if text:
            entries.string(tag, text)


def _relate(entries: Entries, relations: tuple[Relation, ...], tags: tuple[Tag, Tag, Tag]) -> None:
    name, flags, version = tags
    entries.strings(name, [relation.name for relation in relations])
    entries.integers(flags, [int(relation.sense) for relation in relations])
    entries.strings(version, [relation.version for relation in relations])


def _list_files(entries: Entries, archive: list[Member], payload: WrittenPayload) -> None:
    bodies = [member.body_bytes for member in archive if not member.file.ghost]
    entries.integer(Tag.SIZE, sum(bodies) & 0xFFFFFFFF)
    if sum(bodies) > 0xFFFFFFFF:
        entries.remove(Tag.SIZE)
        entries.integer(Tag.LONG_SIZE, sum(bodies), Kind.INT64)
    if not archive:
        return
    files = [member.file for member in archive]
    _name_files(entries, [file.path for file in files])
    entries.integers(
        Tag.FILE_SIZES, [_FOLDER_BYTES if file.is_folder else file.size_bytes for file in files]
    )
    entries.integers(Tag.FILE_MODES, [file.mode for file in files], Kind.INT16)
    entries.integers(Tag.FILE_RDEVS, [0] * len(files), Kind.INT16)
    entries.integers(Tag.FILE_MTIMES, [file.mtime & 0xFFFFFFFF for file in files])
    entries.strings(Tag.FILE_DIGESTS, [_digest(member, payload) for member in archive])
    entries.strings(Tag.FILE_LINK_TARGETS, [file.target for file in files])
    entries.integers(Tag.FILE_FLAGS, [int(file.flags) for file in files])
    entries.strings(Tag.FILE_USERS, [file.user for file in files])
    entries.strings(Tag.FILE_GROUPS, [file.group for file in files])
    entries.integers(Tag.FILE_VERIFY_FLAGS, [_verified(member) for member in archive])
    entries.integers(Tag.FILE_DEVICES, [1] * len(files))
    entries.integers(Tag.FILE_INODES, [member.inode for member in archive])
    entries.strings(Tag.FILE_LANGUAGES, [file.language for file in files])
    entries.integer(Tag.FILE_DIGEST_ALGORITHM, SHA256)
    if any(file.capabilities for file in files):
        entries.strings(Tag.FILE_CAPABILITIES, [file.capabilities for file in files])


def _name_files(entries: Entries, paths: list[str]) -> None:
    folders: dict[str, int] = {}
    split = [path.rpartition("/") for path in paths]
    indexes = [folders.setdefault(f"{folder}/", len(folders)) for folder, _, _ in split]
    entries.integers(Tag.DIR_INDEXES, indexes)
    entries.strings(Tag.BASE_NAMES, [name for _, _, name in split])
    entries.strings(Tag.DIR_NAMES, list(folders))


def _digest(member: Member, payload: WrittenPayload) -> str:
    return payload.digests.get(member.inode, "") if member.file.is_regular else ""


def _verified(member: Member) -> int:
    """A ghost's content isn't known, so it can't be verified."""
    flags = member.file.verify
    return int(flags & ~_GHOST_UNKNOWN) & 0xFFFFFFFF if member.file.ghost else int(flags)


def _add_triggers(entries: Entries, triggers: list[FileTrigger], shift: int) -> None:
    """``shift`` leads from the tags of package triggers to those of transaction triggers."""
    conditions = sorted(
        (path, index, trigger.kind)
        for index, trigger in enumerate(triggers)
        for path in trigger.paths
    )
    entries.strings(Tag.FILE_TRIGGER_SCRIPTS + shift, [each.body for each in triggers])
    entries.strings(Tag.FILE_TRIGGER_PROGRAMS + shift, [each.interpreter for each in triggers])
    entries.strings(Tag.FILE_TRIGGER_NAMES + shift, [path for path, _, _ in conditions])
    entries.integers(Tag.FILE_TRIGGER_INDEXES + shift, [index for _, index, _ in conditions])
    entries.strings(Tag.FILE_TRIGGER_VERSIONS + shift, ["" for _ in conditions])
    entries.integers(Tag.FILE_TRIGGER_FLAGS + shift, [int(_fires(k)) for _, _, k in conditions])
    priorities = Tag.TRANS_TRIGGER_PRIORITIES if shift else Tag.FILE_TRIGGER_PRIORITIES
    entries.integers(priorities, [trigger.priority for trigger in triggers])


def _fires(kind: str) -> Sense:
    if kind.endswith("postun"):
        return Sense.TRIGGER_POSTUN
    return Sense.TRIGGER_UN if kind.endswith("un") else Sense.TRIGGER_IN


def _describe_payload(entries: Entries, payload: WrittenPayload, level: int) -> None:
    entries.string(Tag.PAYLOAD_FORMAT, "cpio")
    entries.string(Tag.PAYLOAD_COMPRESSOR, "zstd")
    entries.string(Tag.PAYLOAD_FLAGS, str(level))
    entries.strings(Tag.PAYLOAD_DIGEST, [payload.digest])
    entries.integer(Tag.PAYLOAD_DIGEST_ALGORITHM, SHA256)
    entries.strings(Tag.PAYLOAD_DIGEST_PLAIN, [payload.plain_digest])
