"""The one error of tdnf: a number that scripts know, a sentence, and what to do next.

Numbers are the contract of the C tdnf; the exit code is a number's low byte.  Ranges:
900 command line, 1000 packages and repositories, 1200 + libcurl's code, 1300 solver,
1400 to 1500 keys and rpm, 1600 + errno, 1800 history, 2000 plugins, 2500 metalinks.
"""

from __future__ import annotations

UPDATES_AVAILABLE = 100

NO_CHOICE = 901
INVALID_ARGUMENT = 902
CLEAN_NEEDS_OPTION = 903
NOT_ENOUGH_ARGUMENTS = 904
NOTHING_TO_DO = 905
CHECK_LOCAL_NEEDS_FOLDER = 906
PROVIDES_NEEDS_ARGUMENT = 907
NO_SUCH_OPTION = 908
OPTION_NEEDS_ARGUMENT = 909
OPTION_TAKES_NO_ARGUMENT = 910
SETOPT_WITHOUT_EQUALS = 911
NO_SUCH_COMMAND = 912
DOWNLOADDIR_NEEDS_DOWNLOADONLY = 913
ONE_DEPENDENCY_ONLY = 914
ALLDEPS_NEEDS_DOWNLOADONLY = 915
NODEPS_NEEDS_DOWNLOADONLY = 916
QUERY_WITH_FORMAT = 917

UNEXPECTED = 1000
PACKAGE_REQUIRED = 1001
CONFIGURATION_UNREADABLE = 1002
REPOSITORY_FILE_UNREADABLE = 1003
REPOSITORY_FILE_INVALID = 1004
REPOSITORY_FOLDER_UNREADABLE = 1005
REPOSITORY_NOT_FOUND = 1009
NO_MATCH = 1011
NO_ENABLED_REPOSITORIES = 1012
LIST_EMPTY = 1013
CLEAN_UNSUPPORTED = 1016
DISTROVERPKG_NOT_INSTALLED = 1022
DISTROVERPKG_UNREADABLE = 1023
METADATA_EXPIRE_INVALID = 1029
PROTECTED = 1030
ABORTED = 1032
INVALID_INPUT = 1033
NO_CACHE = 1034
CACHE_OUT_OF_DISK = 1036
DUPLICATE_REPOSITORY = 1037

CURL = 1201
SOLVER_FAILED = 1301
CACHE_UNREADABLE = 1304
CACHE_UNWRITABLE = 1305
UNKNOWN_ARCHITECTURE = 1307
SSL_SETTINGS = 1401

NO_KEY = 1474
INVALID_KEY_FILE = 1505
KEY_URL_INVALID = 1507
KEY_URL_UNSUPPORTED = 1508
NOT_SIGNED = 1510
KEY_NO_MATCH = 1514
RPM_CHECK = 1515
SETOPT_INVALID = 1516
NO_KEY_CONFIGURED = 1523
URL_INVALID = 1524
TRANSACTION_FAILED = 1525
DATABASE_UNREADABLE = 1526
SIZE_MISMATCH = 1527
CHECKSUM_MISMATCH = 1528
INSTALLONLY_LIMIT = 1530

NO_SEARCH_RESULTS = 1599
SYSTEM = 1600
NOT_ROOT = 1601
FILE_NOT_FOUND = 1602
INVALID_PARAMETER = 1622
WAITS_FOR_ITSELF = 1635
NO_DATA = 1661

HISTORY = 1801
NO_HISTORY = 1802

METADATA_SIGNATURE = 2004
BASEURL_MISSING = 2500
METALINK_CHECKSUM = 2501
METALINK_INVALID = 2502

# told, but not failures: the exit code is 0
NOT_FAILURES = (NOTHING_TO_DO, NO_DATA)


class TdnfError(Exception):
    """``number`` of the contract, one sentence with the facts, one hint (what to run next)."""

    def __init__(self, number: int, sentence: str = "", hint: str = "") -> None:
        if not sentence or not hint:
            # on failure only: a run that succeeds never loads the texts
            from heliostat.os.tdnf.explanations import explain

            usual, advice = explain(number)
            sentence, hint = sentence or usual, hint or advice
        super().__init__(sentence)
        self.number = number
        self.sentence = sentence
        self.hint = hint

    @property
    def exit_code(self) -> int:
        """What the process ends with: the number's low byte, never 0 for a failure."""
        if self.number in NOT_FAILURES:
            return 0
        return self.number % 256 or 1


def system_error(error: OSError, doing: str) -> TdnfError:
    """An operating system's refusal under its own number (1600 + errno)."""
    number = SYSTEM + (error.errno or 0)
    return TdnfError(number, f"{doing} failed: {error.strerror or error}.")
