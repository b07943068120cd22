"""Results of LDAP for our errors.  Pure."""

from __future__ import annotations

from heliostat.core.errors import HeliostatError
from heliostat.identity.ldap_face.replies import Code

_CODES = {
    "InvalidLoginCredentials": Code.INVALID_CREDENTIALS,
    "PasswordChangeNeeded": Code.INVALID_CREDENTIALS,
    "SecondFactorRequired": Code.STRONGER_AUTHENTICATION,
    "TooManyRequests": Code.BUSY,
    "StoreUnavailable": Code.UNAVAILABLE,
    "UserNotFound": Code.NO_SUCH_OBJECT,
    "GroupNotFound": Code.NO_SUCH_OBJECT,
    "ServiceAccountNotFound": Code.NO_SUCH_OBJECT,
    "ComputerNotFound": Code.NO_SUCH_OBJECT,
    "UnitNotFound": Code.NO_SUCH_OBJECT,
    "TenantNotFound": Code.NO_SUCH_OBJECT,
    "UserExists": Code.ALREADY_EXISTS,
    "GroupExists": Code.ALREADY_EXISTS,
    "NameTaken": Code.ALREADY_EXISTS,
    "UnitExists": Code.ALREADY_EXISTS,
    "ComputerExists": Code.ALREADY_EXISTS,
    "UnitNotEmpty": Code.NOT_ALLOWED_ON_NON_LEAF,
    "WeakPassword": Code.CONSTRAINT,
    "InvalidName": Code.CONSTRAINT,
    "InvalidEntity": Code.CONSTRAINT,
    "CyclicGroups": Code.CONSTRAINT,
    "InvalidFilter": Code.UNWILLING,
}


class RefusedError(Exception):
    """A request is answered with this result and nothing else."""

    def __init__(self, code: Code, info: str = "") -> None:
        super().__init__(info)
        self.code = code
        self.info = info


def refused_for(error: HeliostatError) -> RefusedError:
    """The result for one of our errors."""
    return RefusedError(_CODES.get(error.code, Code.UNWILLING), error.message)
