"""What a package installs, as RPM's files: the tar, and what the policy makes of it.

The order of decisions: merged ``/usr``, moved, dropped, owned by another package (shared
folders), owner and mode, then what is added (copies that ``ucf`` would have made, links
in place of alternatives, files, folders and links of the policy).
"""

from __future__ import annotations

import dataclasses
import re
import stat
from collections.abc import Callable, Iterable, Iterator

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.deb.alternatives import Alternative
from heliostat.os.packages.deb.archive import Deb, Member, absolute
from heliostat.os.packages.deb.owners import GROUPS, USERS, name_of
from heliostat.os.packages.deb.paths import matcher, merged, mover
from heliostat.os.packages.deb.policy import Policy
from heliostat.os.packages.deb.policy_schema import Ownership, PackagePolicy
from heliostat.os.packages.deb.scripts import Meaning
from heliostat.os.packages.rpm.file import Content, File, FileFlag

Strip = Callable[[Content], Content]
_LANGUAGE = re.compile(r"/usr/share/(?:locale|man)/([a-z]{2,3}(?:_[A-Z]{2})?(?:@\w+)?)(?:/|$)")
_DOCUMENTS = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/info/", "/usr/share/gtk-doc/")
_CONFIG = FileFlag.CONFIG | FileFlag.NO_REPLACE


def files_of(deb: Deb, policy: Policy, meaning: Meaning, strip: Strip) -> tuple[File, ...]:
    """The files of the RPM, by path."""
    decided = policy.of(deb.name)
    made_at = newest_time(deb)
    files = _packaged(deb, policy, decided)
    for path, source in (*_swapped(meaning.copies), *decided.copies.items()):
        if source in files and path not in files:
            files[path] = dataclasses.replace(
                files[source], path=path, flags=_CONFIG, hard_link="", language=""
            )
    for alternative in _chosen(deb.name, meaning.alternatives, policy):
        if alternative.target in files and alternative.link not in files:
            files[alternative.link] = File.link(
                alternative.link, _relative(alternative.link, alternative.target), mtime=made_at
            )
    for added in _added(decided, made_at):
        files[added.path] = added
    _refuse_unmatched(deb.name, decided, files)
    return tuple(_finished(files[path], decided, strip) for path in sorted(files))


def _swapped(copies: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """New path first, as in the policy."""
    return ((merged(path), merged(source)) for source, path in copies)


def newest_time(deb: Deb) -> int:
    """When the package was made, as far as its files tell."""
    return max((int(member.info.mtime) for member in deb.members), default=0)


def _packaged(deb: Deb, policy: Policy, decided: PackagePolicy) -> dict[str, File]:
    """The members of the tar that stay, by path."""
    dropped = matcher((*policy.defaults.drop, *decided.drop))
    moved = mover(decided.move)
    shared = frozenset(policy.defaults.folders)
    config = matcher(decided.config)
    files: dict[str, File] = {}
    hard_links: dict[str, str] = {}
    whole: dict[str, File] = {}
    for member in deb.members:
        old = merged(member.path)
        path = moved(old)
        if member.info.islnk():
            target = moved(merged(absolute(member.info.linkname)))
            if not dropped(path):
                hard_links[path] = target
            continue
        file = _file(member, path, decided)
        whole[path] = file
        if path == "/" or dropped(path) or (file.is_folder and path in shared):
            continue
        if member.path in deb.config_files or config(path):
            file = dataclasses.replace(file, flags=file.flags | _CONFIG)
        files.setdefault(path, file)
    _link(files, hard_links, whole)
    return files


def _file(member: Member, path: str, decided: PackagePolicy) -> File:
    info = member.info
    owner = decided.owners.get(path, Ownership())
    user = owner.user or name_of(info.uname, info.uid, USERS, path)
    group = owner.group or name_of(info.gname, info.gid, GROUPS, path)
    permissions = int(owner.mode, 8) if owner.mode else info.mode & 0o7777
    language = _LANGUAGE.match(path)
    common = File(
        path,
        _kind(member, path) | (0o777 if info.issym() else permissions),
        user=user,
        group=group,
        mtime=int(info.mtime),
        flags=_flags(path, info.isdir()),
        language=language[1] if language and not info.isdir() else "",
        capabilities=owner.capabilities,
    )
    if info.issym():
        return dataclasses.replace(common, target=info.linkname)
    return dataclasses.replace(common, content=member.content)


def _kind(member: Member, path: str) -> int:
    if member.info.isdir():
        return stat.S_IFDIR
    if member.info.issym():
        return stat.S_IFLNK
    if member.info.isreg():
        return stat.S_IFREG
    raise HeliostatError(
        "ImportRefused",
        f"{path} is neither a file nor a folder nor a link.",
        hint="Drop it in distro/policy, and let tmpfiles.d make it at boot.",
    )


def _flags(path: str, folder: bool) -> FileFlag:
    if folder or not path.startswith(_DOCUMENTS):
        return FileFlag.NONE
    return FileFlag.LICENCE if path.endswith("/copyright") else FileFlag.DOC


def _link(files: dict[str, File], hard_links: dict[str, str], whole: dict[str, File]) -> None:
    """Add hard links; where their target is dropped, the first becomes the file itself."""
    stands_for: dict[str, str] = {}
    for path, target in hard_links.items():
        first = target if target in files else stands_for.setdefault(target, path)
        source = whole.get(target)
        if source is None:
            raise HeliostatError(
                "ImportRefused", f"{path} is a hard link to {target}, which the package lacks."
            )
        linked = "" if first == path else first
        files[path] = dataclasses.replace(
            source, path=path, flags=_flags(path, False), hard_link=linked
        )


def _chosen(name: str, offered: Iterable[Alternative], policy: Policy) -> Iterator[Alternative]:
    """Of several offers for one link the one with the highest priority, if it is ours to give."""
    owners = policy.defaults.alternatives
    best: dict[str, Alternative] = {}
    for raw in offered:
        each = dataclasses.replace(
            raw, link=merged(raw.link), target=merged(raw.target), group=merged(raw.group)
        )
        known = best.get(each.link)
        if owners.get(each.group, name) == name and (
            known is None or known.priority < each.priority
        ):
            best[each.link] = each
    yield from best.values()


def _relative(link: str, target: str) -> str:
    """Within one folder the bare name, as links are usually packaged; else the whole path."""
    folder, _, name = target.rpartition("/")
    return name if link.rpartition("/")[0] == folder else target


def _added(decided: PackagePolicy, mtime: int) -> Iterator[File]:
    for path, folder in decided.folders.items():
        yield File(
            path, stat.S_IFDIR | int(folder.mode, 8), user=folder.user, group=folder.group,
            mtime=mtime,
        )  # fmt: skip
    for path, new in decided.files.items():
        yield File(
            path,
            stat.S_IFREG | int(new.mode, 8),
            new.content.encode(),
            user=new.user,
            group=new.group,
            mtime=mtime,
            flags=_CONFIG if new.config else FileFlag.NONE,
        )
    for path, target in decided.links.items():
        yield File.link(path, target, mtime=mtime)


def _refuse_unmatched(name: str, decided: PackagePolicy, files: dict[str, File]) -> None:
    """A path that isn't there is a mistake of the policy that must not pass silently."""
    named = (*decided.owners, *decided.copies.values())
    missing = [path for path in named if path not in files]
    if missing:
        raise HeliostatError(
            "ImportRefused",
            f"The policy for {name} names {missing[0]}, which the package lacks.",
            hint="Correct the path in distro/policy.",
        )


def _finished(file: File, decided: PackagePolicy, strip: Strip) -> File:
    if file.is_regular and not file.hard_link and matcher(decided.strip)(file.path):
        return dataclasses.replace(file, content=strip(file.content))
    return file
