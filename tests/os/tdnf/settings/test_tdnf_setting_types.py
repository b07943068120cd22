"""Keys of ``tdnf.conf`` and ``.repo`` files are read as the type of their default."""

from __future__ import annotations

import pytest

from heliostat.os.tdnf.errors import TdnfError
from heliostat.os.tdnf.settings.configuration import Configuration
from heliostat.os.tdnf.settings.repository import Repository


def _repository() -> Repository:
    return Repository("one", Configuration("/etc/tdnf/tdnf.conf"))


def test_a_value_has_its_default_s_type() -> None:
    configuration = Configuration("/etc/tdnf/tdnf.conf")
    for key, value in {
        "gpgcheck": "No",
        "openmax": "12",
        "excludepkgs": "a, b\nc",
        "proxy": "http://p",
    }.items():
        configuration.set(key, value)
    assert configuration.gpgcheck is False
    assert configuration.openmax == 12
    assert configuration.excludepkgs == ("a", "b", "c")
    assert configuration.proxy == "http://p"


def test_a_repository_s_values_have_their_variables_put_in_and_their_units() -> None:
    repository = _repository()
    repository.set("baseurl", "file:///$releasever http://b", lambda text: text.replace("$", ""))
    repository.set("minrate", "2k", str)
    repository.set("metadata_expire", "1h", str)
    assert repository.baseurl == ("file:///releasever", "http://b")
    assert (repository.minrate, repository.metadata_expire_s) == (2048, 3600)


@pytest.mark.parametrize("key", ["address", "cache_name", "set", "_number", "__doc__", "colour"])
def test_a_key_that_is_no_setting_is_left_alone(key: str) -> None:
    """Whatever else the class has under that name."""
    repository, configuration = _repository(), Configuration("/etc/tdnf/tdnf.conf")
    repository.set(key, "value", str)
    configuration.set(key, "value")
    assert repository.address == ""
    assert "value" not in (*vars(repository).values(), *vars(configuration).values())


def test_what_is_no_number_is_told_with_its_place() -> None:
    with pytest.raises(TdnfError, match=r"tdnf\.conf: openmax is a number, not many"):
        Configuration("/etc/tdnf/tdnf.conf").set("openmax", "many")
    with pytest.raises(TdnfError, match="Repository one: timeout is a number, not soon"):
        _repository().set("timeout", "soon", str)
