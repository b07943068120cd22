"""Numbers of RPM's headers: tags (``rpm/rpmtag.h``) and the kinds of their values."""

from __future__ import annotations

import enum


class Kind(enum.IntEnum):
    """How a value lies in a header (``rpmTagType``); integers are big-endian."""

    CHAR = 1
    INT8 = 2
    INT16 = 3
    INT32 = 4
    INT64 = 5
    STRING = 6
    BINARY = 7
    STRINGS = 8
    TRANSLATED = 9

    @property
    def width(self) -> int:
        """Bytes of one integer, to whose multiple its offset is aligned; 1 otherwise."""
        return {Kind.INT16: 2, Kind.INT32: 4, Kind.INT64: 8}.get(self, 1)


class SignatureTag(enum.IntEnum):
    """Tags of the signature header, which stands before the main one."""

    REGION = 62
    DSA = 267  # EdDSA too; OpenPGP, of the main header
    RSA = 268
    SHA1 = 269
    LONG_SIZE = 270
    LONG_PAYLOAD_SIZE = 271
    SHA256 = 273
    FILE_SIGNATURES = 274
    OPENPGP = 278  # of the main header, base64, one or more: RPM 6
    SIZE = 1000
    PGP = 1002  # of header and payload, obsolete
    MD5 = 1004
    GPG = 1005  # of header and payload, obsolete
    PAYLOAD_SIZE = 1007
    RESERVED_SPACE = 1008


class Tag(enum.IntEnum):
    """Tags of the main header."""

    REGION = 63
    I18N_TABLE = 100
    NAME = 1000
    VERSION = 1001
    RELEASE = 1002
    EPOCH = 1003
    SUMMARY = 1004
    DESCRIPTION = 1005
    BUILD_TIME = 1006
    BUILD_HOST = 1007
    SIZE = 1009
    VENDOR = 1011
    LICENCE = 1014
    PACKAGER = 1015
    GROUP = 1016
    URL = 1020
    OS = 1021
    ARCH = 1022
    PRE = 1023
    POST = 1024
    PREUN = 1025
    POSTUN = 1026
    FILE_SIZES = 1028
    FILE_MODES = 1030
    FILE_RDEVS = 1033
    FILE_MTIMES = 1034
    FILE_DIGESTS = 1035
    FILE_LINK_TARGETS = 1036
    FILE_FLAGS = 1037
    FILE_USERS = 1039
    FILE_GROUPS = 1040
    SOURCE_RPM = 1044
    FILE_VERIFY_FLAGS = 1045
    ARCHIVE_SIZE = 1046
    PROVIDE_NAME = 1047
    REQUIRE_FLAGS = 1048
    REQUIRE_NAME = 1049
    REQUIRE_VERSION = 1050
    CONFLICT_FLAGS = 1053
    CONFLICT_NAME = 1054
    CONFLICT_VERSION = 1055
    RPM_VERSION = 1064
    CHANGELOG_TIME = 1080
    CHANGELOG_NAME = 1081
    CHANGELOG_TEXT = 1082
    PRE_PROGRAM = 1085
    POST_PROGRAM = 1086
    PREUN_PROGRAM = 1087
    POSTUN_PROGRAM = 1088
    OBSOLETE_NAME = 1090
    FILE_DEVICES = 1095
    FILE_INODES = 1096
    FILE_LANGUAGES = 1097
    SOURCE_PACKAGE = 1106
    PROVIDE_FLAGS = 1112
    PROVIDE_VERSION = 1113
    OBSOLETE_FLAGS = 1114
    OBSOLETE_VERSION = 1115
    DIR_INDEXES = 1116
    BASE_NAMES = 1117
    DIR_NAMES = 1118
    PAYLOAD_FORMAT = 1124
    PAYLOAD_COMPRESSOR = 1125
    PAYLOAD_FLAGS = 1126
    PRETRANS = 1151
    POSTTRANS = 1152
    PRETRANS_PROGRAM = 1153
    POSTTRANS_PROGRAM = 1154
    LONG_FILE_SIZES = 5008
    LONG_SIZE = 5009
    FILE_CAPABILITIES = 5010
    FILE_DIGEST_ALGORITHM = 5011
    RECOMMEND_NAME = 5046
    RECOMMEND_VERSION = 5047
    RECOMMEND_FLAGS = 5048
    SUGGEST_NAME = 5049
    SUGGEST_VERSION = 5050
    SUGGEST_FLAGS = 5051
    SUPPLEMENT_NAME = 5052
    SUPPLEMENT_VERSION = 5053
    SUPPLEMENT_FLAGS = 5054
    ENHANCE_NAME = 5055
    ENHANCE_VERSION = 5056
    ENHANCE_FLAGS = 5057
    ENCODING = 5062
    FILE_TRIGGER_SCRIPTS = 5066
    FILE_TRIGGER_PROGRAMS = 5067
    FILE_TRIGGER_SCRIPT_FLAGS = 5068
    FILE_TRIGGER_NAMES = 5069
    FILE_TRIGGER_INDEXES = 5070
    FILE_TRIGGER_VERSIONS = 5071
    FILE_TRIGGER_FLAGS = 5072
    TRANS_TRIGGER_SCRIPTS = 5076
    TRANS_TRIGGER_PROGRAMS = 5077
    TRANS_TRIGGER_SCRIPT_FLAGS = 5078
    TRANS_TRIGGER_NAMES = 5079
    TRANS_TRIGGER_INDEXES = 5080
    TRANS_TRIGGER_VERSIONS = 5081
    TRANS_TRIGGER_FLAGS = 5082
    FILE_TRIGGER_PRIORITIES = 5084
    TRANS_TRIGGER_PRIORITIES = 5085
    PAYLOAD_DIGEST = 5092
    PAYLOAD_DIGEST_ALGORITHM = 5093
    PAYLOAD_DIGEST_PLAIN = 5097  # of the payload before compression


SHA256 = 8
"""Its number in OpenPGP (RFC 9580, 9.5), which RPM uses for digests too."""
