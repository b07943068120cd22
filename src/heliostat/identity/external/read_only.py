"""The verbs that a directory elsewhere has not: each is refused in the same words."""

from __future__ import annotations

from typing import Any, NoReturn

from heliostat.core.errors import PermanentError


class ReadOnly:
    """The writing half of a ``Directory`` that is only read."""

    async def _refuse(self, *_given: Any, **_named: Any) -> NoReturn:
        raise PermanentError("DirectoryReadOnly", "A directory elsewhere is only read from here.")

    create_user = change_user = delete_user = _refuse
    set_password = change_password = set_disabled = unlock_user = _refuse
    create_group = change_group = delete_group = _refuse
    add_member = remove_member = change_members = _refuse
    create_service_account = change_service_account = delete_service_account = _refuse
    add_account_key = remove_account_key = _refuse
    add_account_certificate = remove_account_certificate = _refuse
    create_unit = change_unit = delete_unit = move = _refuse
    create_computer = change_computer = delete_computer = _refuse
