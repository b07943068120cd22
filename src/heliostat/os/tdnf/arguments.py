"""The command line as tables: which options there are, and what one call of tdnf means.

``parse`` is pure.  Options may stand anywhere, with one dash or two, shortened as long
as they stay clear, as the C tdnf's users write them.
"""

from __future__ import annotations

from heliostat.os.tdnf.errors import (
    ALLDEPS_NEEDS_DOWNLOADONLY,
    DOWNLOADDIR_NEEDS_DOWNLOADONLY,
    INVALID_ARGUMENT,
    NO_SUCH_OPTION,
    NODEPS_NEEDS_DOWNLOADONLY,
    OPTION_NEEDS_ARGUMENT,
    OPTION_TAKES_NO_ARGUMENT,
    SETOPT_WITHOUT_EQUALS,
    TdnfError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHORT = {
    "4": "ipv4",
    "6": "ipv6",
    "b": "best",
    "C": "cacheonly",
    "c": "config",
    "d": "debuglevel",
    "e": "errorlevel",
    "h": "help",
    "i": "installroot",
    "j": "json",
    "q": "quiet",
    "v": "verbose",
    "x": "exclude",
    "y": "assumeyes",
}


class Options:
    """Every option with its default; the default's type says what it takes.

    ``False`` is a switch, a string or ``None`` takes a value (the last one counts), a
    list collects.  ``repository_switches`` and ``plugin_switches`` keep their order,
    because a later one overrules an earlier one.
    """

    alldeps = False
    allowerasing = False
    assumeno = False
    assumeyes = False
    best = False
    builddeps = False
    cacheonly = False
    config: str | None = None
    debuglevel: str | None = None
    debugsolver = False
    disableexcludes = False
    downloaddir: str | None = None
    downloadonly = False
    dryrun = False
    errorlevel: str | None = None
    forcearch: str | None = None
    help = False
    installroot = "/"
    ipv4 = False
    ipv6 = False
    json = False
    noautoremove = False
    nodeps = False
    nogpgcheck = False
    noplugins = False
    quiet = False
    reboot_required = False
    refresh = False
    releasever: str | None = None
    repofromdir: list[str]
    repofrompath: list[str]
    rpmdefine: list[str]
    rpmverbosity = "error"
    sec_severity: str | None = None
    security = False
    setopt: list[str]
    skip_broken = False
    skipconflicts = False
    skipdigest = False
    skipobsoletes = False
    skipsignature = False
    source = False
    testonly = False
    verbose = False
    version = False
    exclude: list[str]
    # reposync
    arch: list[str]
    delete = False
    download_metadata = False
    download_path: str | None = None
    gpgcheck = False
    metadata_path: str | None = None
    newest_only = False
    norepopath = False
    urls = False
    # repoquery: which packages
    available = False
    duplicates = False
    extras = False
    file: str | None = None
    installed = False
    upgrades = False
    userinstalled = False
    whatconflicts: list[str]
    whatdepends: list[str]
    whatenhances: list[str]
    whatobsoletes: list[str]
    whatprovides: list[str]
    whatrecommends: list[str]
    whatrequires: list[str]
    whatsuggests: list[str]
    whatsupplements: list[str]
    # repoquery: what of them
    changelogs = False
    conflicts = False
    depends = False
    enhances = False
    list_ = False
    obsoletes = False
    provides = False
    qf: str | None = None
    recommends = False
    requires = False
    requires_pre = False
    suggests = False
    supplements = False
    # list and updateinfo
    all = False
    downgrades = False
    info = False
    recent = False
    summary = False
    updates = False
    # history
    reverse = False
    to: str | None = None
    last = False

    def __init__(self) -> None:
        for name in COLLECTED:
            setattr(self, name, [])
        self.from_: str | None = None
        self.repository_switches: list[tuple[str, str]] = []
        self.plugin_switches: list[tuple[str, str]] = []


COLLECTED = tuple(each for each in Options.__annotations__ if not hasattr(Options, each))
# values of these are lists with commas; excludes may have colons too
_SPLIT = {name: "," for name in COLLECTED if name.startswith("what")} | {"exclude": ",:"}
_SWITCHES = {
    "enablerepo": "repository_switches",
    "disablerepo": "repository_switches",
    "repo": "repository_switches",
    "repoid": "repository_switches",
    "enableplugin": "plugin_switches",
    "disableplugin": "plugin_switches",
}
# spellings that differ from the attribute's name, or are second ones for it
_ALIASES = {
    "4": "ipv4",
    "6": "ipv6",
    "from": "from_",
    "list": "list_",
    "queryformat": "qf",
    "skipbroken": "skip_broken",
}
_LONG: tuple[str, ...] = (
    *(
        name.replace("_", "-")
        for name in (*vars(Options), *COLLECTED)
        if not name.startswith("_") and not name.endswith("_")
    ),
    *_SWITCHES,
    *_ALIASES,
)


class Invocation:
    """One call: the command's name ("" if none), its arguments, the options."""

    __slots__ = ("arguments", "argv", "command", "options")

    def __init__(self, argv: Sequence[str], words: Sequence[str], options: Options) -> None:
        self.argv = tuple(argv)
        self.command = words[0] if words else ""
        self.arguments = tuple(words[1:])
        self.options = options


def parse(argv: Sequence[str], program: str = "tdnf") -> Invocation:
    """``argv`` without the program's name.  Raises ``TdnfError`` 902, 908 to 916."""
    for each in argv:
        if not each.isascii():
            _see_text(each)
    options = Options()
    if program.rpartition("/")[2] == "tdnfj":
        options.json = options.assumeyes = True
    words: list[str] = []
    waiting = iter(argv)
    for each in waiting:
        if each == "--":
            words += waiting
        elif each.startswith("--") or _is_long(each):
            _long(options, each.lstrip("-"), waiting)
        elif len(each) > 1 and each[0] == "-":
            _short(options, each[1:], waiting)
        else:
            words.append(each)
    _check(options)
    return Invocation(argv, words, options)


def _see_text(word: str) -> None:
    """libsolv, rpm and the history take names and paths in UTF-8 and nothing else."""
    try:
        word.encode()
    except UnicodeEncodeError:
        shown = word.encode("utf-8", "backslashreplace").decode()
        raise TdnfError(
            INVALID_ARGUMENT, f"{shown} is not UTF-8.", "Give it another name."
        ) from None


def _is_long(each: str) -> bool:
    """``-installroot`` is as good as ``--installroot``; ``-y`` and ``-qy`` are not long."""
    if len(each) < 3 or each[0] != "-":
        return False
    name = each[1:].partition("=")[0]
    return name in _LONG or (each[1] not in SHORT and bool(_meant(name)))


def _long(options: Options, text: str, waiting: Iterator[str]) -> None:
    name, equals, value = text.partition("=")
    known = _named(name)
    if _takes_value(known):
        _set(options, known, value if equals else _next(waiting, known))
    elif equals:
        raise TdnfError(OPTION_TAKES_NO_ARGUMENT, f"--{name} takes no value.")
    else:
        setattr(options, _attribute(known), True)


def _short(options: Options, letters: str, waiting: Iterator[str]) -> None:
    while letters:
        letter, letters = letters[0], letters[1:]
        known = SHORT.get(letter)
        if known is None:
            raise _no_such_option(f"-{letter}")
        if _takes_value(known):
            _set(options, known, letters or _next(waiting, known))
            return
        setattr(options, known, True)


def _next(waiting: Iterator[str], name: str) -> str:
    for value in waiting:
        return value
    raise TdnfError(OPTION_NEEDS_ARGUMENT, f"--{name} needs a value.")


def _attribute(name: str) -> str:
    return _ALIASES.get(name, name.replace("-", "_"))


def _takes_value(name: str) -> bool:
    return name in _SWITCHES or getattr(Options, _attribute(name), None) is not False


def _set(options: Options, name: str, value: str) -> None:
    attribute = _attribute(name)
    if name in _SWITCHES:
        verb = "repo" if name == "repoid" else name
        switches: list[tuple[str, str]] = getattr(options, _SWITCHES[name])
        switches += [(verb, each) for each in value.split(",")]
    elif attribute == "setopt" and "=" not in value:
        raise TdnfError(SETOPT_WITHOUT_EQUALS, f"--setopt={value} has no value.")
    elif attribute in COLLECTED:
        separators = _SPLIT.get(attribute, "")
        for separator in separators[1:]:
            value = value.replace(separator, separators[0])
        getattr(options, attribute).extend(value.split(separators[0]) if separators else [value])
    else:
        setattr(options, attribute, value)


def _named(name: str) -> str:
    if name in _LONG:
        return name
    meant = _meant(name)
    if len({_attribute(each) for each in meant}) == 1:
        return meant[0]
    raise _no_such_option(f"--{name}", meant)


def _meant(name: str) -> list[str]:
    return [each for each in _LONG if name and each.startswith(name)]


def _no_such_option(option: str, meant: Sequence[str] = ()) -> TdnfError:
    if meant:
        could = " or ".join(f"--{each}" for each in meant[:4])
        return TdnfError(NO_SUCH_OPTION, f"{option} is not clear: it could be {could}.")
    import difflib

    near = difflib.get_close_matches(option.lstrip("-"), _LONG, n=1, cutoff=0.6)
    hint = f"Did you mean --{near[0]}?  tdnf --help shows all." if near else ""
    return TdnfError(NO_SUCH_OPTION, f"There is no option {option}.", hint)


def _check(options: Options) -> None:
    if options.downloadonly:
        return
    for given, number in (
        (options.downloaddir, DOWNLOADDIR_NEEDS_DOWNLOADONLY),
        (options.alldeps, ALLDEPS_NEEDS_DOWNLOADONLY),
        (options.nodeps, NODEPS_NEEDS_DOWNLOADONLY),
    ):
        if given:
            raise TdnfError(number)
