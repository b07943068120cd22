"""What each number means and what to do, loaded only when something has failed."""

from __future__ import annotations

from heliostat.os.tdnf import errors as e

TOLD: dict[int, tuple[str, str]] = {
    e.NO_CHOICE: ("There is no such choice.", "See tdnf help."),
    e.INVALID_ARGUMENT: ("An argument is not valid here.", "See tdnf help."),
    e.CLEAN_NEEDS_OPTION: (
        "clean needs to know what.",
        "One of all, packages, metadata, dbcache, plugins, keys, expire-cache.",
    ),
    e.NOT_ENOUGH_ARGUMENTS: ("The command needs more arguments.", "See tdnf help."),
    e.NOTHING_TO_DO: ("Nothing to do.", "Everything asked for is already so."),
    e.CHECK_LOCAL_NEEDS_FOLDER: (
        "check-local needs a folder.",
        "tdnf check-local FOLDER looks at the packages in it.",
    ),
    e.PROVIDES_NEEDS_ARGUMENT: (
        "provides needs something to look for.",
        "A path, a command's file or a capability: tdnf provides /usr/bin/ssh.",
    ),
    e.NO_SUCH_OPTION: ("There is no such option.", "See tdnf --help."),
    e.OPTION_NEEDS_ARGUMENT: ("The option needs a value.", "See tdnf --help."),
    e.OPTION_TAKES_NO_ARGUMENT: ("The option takes no value.", "See tdnf --help."),
    e.SETOPT_WITHOUT_EQUALS: (
        "--setopt takes a key and a value.",
        "As in --setopt=keepcache=1, or REPOSITORY.key=value.",
    ),
    e.NO_SUCH_COMMAND: ("There is no such command.", "See tdnf --help."),
    e.DOWNLOADDIR_NEEDS_DOWNLOADONLY: (
        "--downloaddir is of use only with --downloadonly.",
        "Add --downloadonly.",
    ),
    e.ONE_DEPENDENCY_ONLY: ("Only one kind of relation can be asked for.", "Ask one at a time."),
    e.ALLDEPS_NEEDS_DOWNLOADONLY: (
        "--alldeps is of use only with --downloadonly.",
        "Add --downloadonly.",
    ),
    e.NODEPS_NEEDS_DOWNLOADONLY: (
        "--nodeps is of use only with --downloadonly.",
        "Add --downloadonly.",
    ),
    e.QUERY_WITH_FORMAT: (
        "--qf and a query option exclude each other.",
        "The format can hold relations too: --qf '%{name} %{requires}'.",
    ),
    e.UNEXPECTED: (
        "tdnf itself failed.",
        "Tell its makers what -v shows; tdnf history says whether anything was changed.",
    ),
    e.PACKAGE_REQUIRED: ("The command needs the name of a package.", "See tdnf help."),
    e.CONFIGURATION_UNREADABLE: (
        "The configuration can't be read.",
        "Mend the file, or name another with -c.",
    ),
    e.REPOSITORY_FILE_UNREADABLE: ("A .repo file can't be read.", "Mend the file."),
    e.REPOSITORY_FILE_INVALID: ("A .repo file is not valid.", "Mend the file."),
    e.REPOSITORY_FOLDER_UNREADABLE: (
        "The folder of .repo files can't be read.",
        "repodir in tdnf.conf, or --setopt=reposdir=, names it.",
    ),
    e.REPOSITORY_NOT_FOUND: (
        "There is no repository of that name.",
        "tdnf repolist all shows those that there are.",
    ),
    e.NO_MATCH: ("No package matches.", "tdnf list 'NAME*' and tdnf provides find others."),
    e.NO_ENABLED_REPOSITORIES: (
        "No repository is enabled.",
        "tdnf repolist all shows them; --enablerepo takes one in.",
    ),
    e.LIST_EMPTY: ("The list is empty.", "tdnf list all shows every package."),
    e.CLEAN_UNSUPPORTED: ("There is nothing of that kind to clean.", "tdnf clean all"),
    e.DISTROVERPKG_NOT_INSTALLED: (
        "No package says which release this is.",
        "Give --releasever, or set distroverpkg in tdnf.conf.",
    ),
    e.DISTROVERPKG_UNREADABLE: ("The release can't be read.", "Give --releasever."),
    e.METADATA_EXPIRE_INVALID: (
        "metadata_expire is not a time.",
        "Seconds, or a number with s, m, h or d, or never.",
    ),
    e.PROTECTED: (
        "A protected package would go.",
        "Protection is in protected.d beside tdnf.conf.",
    ),
    e.ABORTED: ("Nothing was changed.", "Run it again to go on."),
    e.INVALID_INPUT: ("That is neither yes nor no.", "-y says yes beforehand."),
    e.NO_CACHE: (
        "There is no metadata, and -C forbids to fetch it.",
        "Run tdnf makecache while the repositories can be reached.",
    ),
    e.CACHE_OUT_OF_DISK: ("The cache's disk is full.", "tdnf clean all frees its part."),
    e.DUPLICATE_REPOSITORY: ("Two repositories have one name.", "Rename one of them."),
    e.SOLVER_FAILED: (
        "What is asked for can't be had together.",
        "--skip-broken leaves out what can't be; --allowerasing lets others go.",
    ),
    e.CACHE_UNREADABLE: ("Metadata can't be read.", "tdnf clean all, then tdnf makecache."),
    e.CACHE_UNWRITABLE: ("The cache can't be written.", "See cachedir in tdnf.conf."),
    e.UNKNOWN_ARCHITECTURE: ("The architecture is not known.", "Set it by --forcearch."),
    e.SSL_SETTINGS: ("The TLS settings don't work.", "See sslcacert, sslclientcert, sslclientkey."),
    e.NO_KEY: ("The public key isn't there.", "rpm --import it, or set gpgkey."),
    e.INVALID_KEY_FILE: ("The public key file is not one.", "gpg --show-keys FILE tells more."),
    e.KEY_URL_INVALID: ("gpgkey is not an address.", "As in gpgkey=file:///etc/pki/rpm-gpg/KEY."),
    e.KEY_URL_UNSUPPORTED: ("gpgkey's kind of address is not known.", "file, http or https."),
    e.NOT_SIGNED: (
        "The package is not signed.",
        "Nothing was installed; --nogpgcheck would accept it.",
    ),
    e.KEY_NO_MATCH: (
        "The package is signed by a key that the repository doesn't name.",
        "Nothing was installed; see gpgkey of the repository.",
    ),
    e.RPM_CHECK: ("rpm refuses the packages together.", "The lines above say why."),
    e.SETOPT_INVALID: ("A --setopt has a value that isn't known.", "See tdnf.conf(5)."),
    e.NO_KEY_CONFIGURED: (
        "The repository asks for signatures and names no key.",
        "Set its gpgkey (as in --setopt=REPOSITORY.gpgkey=file:///KEY), or --nogpgcheck.",
    ),
    e.URL_INVALID: ("The address is not valid.", "See baseurl of the repository."),
    e.TRANSACTION_FAILED: ("rpm could not finish.", "tdnf history says what was done."),
    e.DATABASE_UNREADABLE: ("rpm's database can't be opened.", "rpm --rebuilddb mends most."),
    e.SIZE_MISMATCH: ("A file has another size than its metadata says.", "tdnf --refresh"),
    e.CHECKSUM_MISMATCH: ("A file is not what its metadata says.", "tdnf --refresh"),
    e.INSTALLONLY_LIMIT: ("More versions than installonly_limit.", "Raise it in tdnf.conf."),
    e.NO_SEARCH_RESULTS: ("Nothing matches.", "Fewer or shorter words find more."),
    e.NOT_ROOT: ("Only root may do that.", "Run it by sudo."),
    e.FILE_NOT_FOUND: ("A file isn't there.", "See the name above."),
    e.INVALID_PARAMETER: ("A parameter is not valid.", "See tdnf help."),
    e.NO_DATA: ("There is nothing to show.", "tdnf --refresh fetches what is newer."),
    e.HISTORY: ("The history can't be read or written.", "See persistdir in tdnf.conf."),
    e.METADATA_SIGNATURE: (
        "The repository's metadata isn't signed by its owner.",
        "See gpgkey; repo_gpgcheck=0 of the repository would accept it.",
    ),
    e.BASEURL_MISSING: (
        "The repository has no address.",
        "Set baseurl or mirrorlist; metalink works with the plugin tdnfmetalink only.",
    ),
    e.METALINK_CHECKSUM: (
        "The repository's index is not what its metalink says.",
        "The mirrors may be behind: try again later.",
    ),
    e.METALINK_INVALID: (
        "The metalink can't be used.",
        "See metalink of the repository; baseurl would do without one.",
    ),
    e.NO_HISTORY: ("There is no history yet.", "tdnf history init begins one."),
}


def explain(number: int) -> tuple[str, str]:
    """Sentence and hint of ``number``."""
    if number in TOLD:
        return TOLD[number]
    if e.CURL <= number < e.CURL + 99:
        return (
            f"A download failed (libcurl's code {number - e.CURL}).",
            "See baseurl and proxy of the repository.",
        )
    if number >= e.SYSTEM:
        return os_told(number - e.SYSTEM), "The system refused; nothing was changed by that."
    return f"Error {number}.", "See tdnf help."


def os_told(errno: int) -> str:
    """The system's words for ``errno``."""
    import os

    return f"{os.strerror(errno)}."
