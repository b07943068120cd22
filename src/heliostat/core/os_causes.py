"""Why the codes of the operating system's side occur: packages, repositories, trees, images."""

from __future__ import annotations

OS_CAUSES: dict[str, str] = {
    "ArchiveUnreachable": "The mirror gave no answer, or not what was asked for.",
    "ArchiveUntrusted": "The index of the archive is unsigned, signed by a key that isn't trusted, "
    "or its time has run out.",
    "BuildNotFound": "Nothing of that name was built from source on this machine.",
    "ComposeFailed": "RPM did not install the packages into the tree.",
    "DatabaseMissing": "A tree or image was looked into, and has no database of packages that can "
    "be read.",
    "DependencyUnmet": "No choice of packages meets what was asked for; the message has the chain.",
    "DigestMismatch": "A file isn't the one whose digest its signed index names.",
    "DigestTooWeak": "A signature stands on MD5 or SHA-1, which can be forged.",
    "FileConflict": "Two packages bring the same file with different content.",
    "FolderNotEmpty": "The folder to compose into has something in it.",
    "GateClosed": "A finished tree breaks one of the rules that no tree leaves without.",
    "GenerationNotFound": "The repository has no such generation or snapshot.",
    "ImportRefused": "A package brings code of its own that nobody has read and decided about.",
    "KeyUnknown": "The signature is good, but by a key that isn't trusted here.",
    "KnowledgeBusy": "Another import into the same database of vulnerabilities takes long.",
    "KnowledgeMissing": "No feed of vulnerabilities was imported yet.",
    "KnowledgeUnreadable": "A feed is cut short, damaged, or in a form that isn't known.",
    "NotASystem": "It can't be looked into at all: it isn't there, is neither a root tree, "
    "nor an image, nor packages, or is an image that leads to other files.",
    "PackageConflict": "Two files of one name, version and architecture differ.",
    "PackageInvalid": "The file is no package of RPM, or not all of it.",
    "PackageMissing": "The metadata names a package whose file isn't there.",
    "PackageNotFound": "The archive has no package of that name.",
    "PackageTampered": "A package's content isn't what its digests say.",
    "PackageUnsigned": "The package bears no signature.",
    "PackageUntrusted": "A package was offered to a repository without a signature that it trusts.",
    "PathNotFound": "No package brings the path, and it isn't in the system.",
    "PromotionRefused": "A newer package did not pass the gates of the repository.",
    "RepositoryCorrupt": "A file of the repository is there, but isn't what its own records say.",
    "RepositoryNotFound": "There is no repository of that name.",
    "RepositoryUntrusted": "The index of a repository isn't signed by a trusted key, or its "
    "metadata isn't what the index names.",
    "RepositoryUnusable": "No repository is there, or its metadata isn't: it was never published "
    "or fetched, or the solver can't read it.",
    "RepositoryUnwritable": "The folder of the repository can't be written.",
    "SignatureInvalid": "A signature is damaged, or what it signs was changed afterwards.",
    "SigningKeyExists": "Another key signs already in that folder.",
    "SigningKeyMissing": "This machine has no key to sign with, or it can't be read.",
    "VulnerabilityUnknown": "Nothing that was imported speaks of this id.",
}
