"""Settings: a tree of frozen dataclasses, filled from TOML and the environment.

Each field's docstring (the string below it) tells default, unit and why; the
reference page derives from it.  An unknown key is an error that names the
nearest one.  ``HELIO__API__PORT=9000`` in the environment sets ``api.port``
and wins over the file.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from heliostat.core.errors import PermanentError

T = TypeVar("T")
ENV_PREFIX = "HELIO__"


class InvalidSetting(PermanentError):
    """A setting is unknown or has a value of the wrong kind."""

    def __init__(self, source: str, message: str, hint: str | None = None) -> None:
        super().__init__("InvalidSetting", f"{source}: {message}", hint=hint)


def load(tree: type[T], path: Path | None, environ: Mapping[str, str]) -> T:
    """Fill the dataclass ``tree`` from the TOML file ``path`` (if it exists) and ``environ``."""
    raw: dict[str, Any] = {}
    source = "settings"
    if path is not None and path.exists():
        source = str(path)
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidSetting(source, f"not valid TOML: {error}.") from error
        except OSError as error:
            raise InvalidSetting(source, f"can't be read: {error.strerror}.") from error
    built = _build(tree, raw, source, "")
    for name, text in sorted(environ.items()):
        if name.startswith(ENV_PREFIX):
            keys = name.removeprefix(ENV_PREFIX).lower().split("__")
            built = _replace(built, keys, text, name)
    return built


def _build(tree: type[T], raw: Mapping[str, Any], source: str, path: str) -> T:
    hints = typing.get_type_hints(tree)
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, tree))}
    values: dict[str, Any] = {}
    for key, value in raw.items():
        where = f"{path}{key}"
        if key not in fields:
            raise _unknown(source, where, key, fields)
        kind = hints[key]
        if dataclasses.is_dataclass(kind):
            if not isinstance(value, dict):
                raise InvalidSetting(source, f"{where} is a table of settings, not a value.")
            values[key] = _build(typing.cast(type[Any], kind), value, source, f"{where}.")
        else:
            values[key] = _check(kind, value, source, where)
    return tree(**values)


def _replace(node: T, keys: list[str], text: str, source: str) -> T:
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, node))}
    key = keys[0]
    if key not in fields:
        raise _unknown(source, key, key, fields)
    current = getattr(node, key)
    if len(keys) > 1:
        if not dataclasses.is_dataclass(current):
            raise InvalidSetting(source, f"{key} has no settings below it.")
        new: Any = _replace(current, keys[1:], text, source)
    else:
        kind = typing.get_type_hints(type(node))[key]
        new = _check(kind, _parse(kind, text, source), source, key)
    return typing.cast(T, dataclasses.replace(typing.cast(Any, node), **{key: new}))


def _parse(kind: Any, text: str, source: str) -> Any:
    kind = _plain(kind)
    if typing.get_origin(kind) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is bool:
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise InvalidSetting(source, f"{text!r} is neither true nor false.")
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError as error:
            raise InvalidSetting(source, f"{text!r} is not a number.") from error
    return text


def _check(kind: Any, value: Any, source: str, where: str) -> Any:
    plain = _plain(kind)
    if typing.get_origin(plain) is tuple:
        if not isinstance(value, list | tuple):
            raise InvalidSetting(source, f"{where} is a list.")
        element = typing.get_args(plain)[0]
        if dataclasses.is_dataclass(element):
            return tuple(_table(element, each, source, f"{where}[].") for each in value)
        return tuple(_check(element, each, source, f"{where}[]") for each in value)
    if plain is Path and isinstance(value, str):
        return Path(value)
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, plain) or (plain is not bool and isinstance(value, bool)):
        raise InvalidSetting(
            source, f"{where} wants {plain.__name__}, not {type(value).__name__} ({value!r})."
        )
    return value


def _table(kind: Any, value: Any, source: str, path: str) -> Any:
    """One of several tables with the same settings (``[[agent.datastores]]``)."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return value
    if not isinstance(value, dict):
        raise InvalidSetting(source, f"{path[:-1]} is a table of settings, not a value.")
    return _build(kind, value, source, path)


def _plain(kind: Any) -> Any:
    """``X`` for ``X | None``; any other type as it is."""
    if isinstance(kind, types.UnionType):
        return next(arg for arg in typing.get_args(kind) if arg is not type(None))
    return kind


def _unknown(source: str, where: str, key: str, fields: Mapping[str, Any]) -> InvalidSetting:
    near = difflib.get_close_matches(key, list(fields), n=1)
    hint = f"Did you mean {near[0]}?" if near else "Known here: " + ", ".join(sorted(fields)) + "."
    return InvalidSetting(source, f"there is no setting {where}.", hint)
