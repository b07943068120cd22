"""Settings: a tree of frozen dataclasses, filled from TOML and the environment.

Each field's docstring (the string below it) tells default, unit and why; the
reference page derives from it.  An unknown key is an error that names the
nearest one; a number that is out of its bounds (``bounded``) one that names the
nearest possible value.  ``HELIO__API__PORT=9000`` in the environment sets ``api.port``
and wins over the file.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import inspect
import itertools
import math
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from heliostat.core.errors import PermanentError

T = TypeVar("T")
ENV_PREFIX = "HELIO__"
_BOUNDS = "bounds"


@typing.runtime_checkable
class Checked(typing.Protocol):
    """A table of settings whose values depend on each other."""

    def faults(self) -> Iterator[tuple[str, str]]:
        """Settings that don't go with the others: their names, and why not."""


class InvalidSetting(PermanentError):
    """A setting is unknown or has a value of the wrong kind."""

    def __init__(self, source: str, message: str, hint: str | None = None) -> None:
        super().__init__("InvalidSetting", f"{source}: {message}", hint=hint)


def bounded(default: Any, least: float, most: float = math.inf) -> Any:
    """A field whose numbers lie from ``least`` to ``most``."""
    return dataclasses.field(default=default, metadata={_BOUNDS: (least, most)})


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
    _refuse_faults(built, source, "")
    return built


def with_setting(tree: T, path: str, value: Any, source: str) -> T:
    """A copy with ``value`` (a JSON value) at a path such as ``scheduler.fill_limit``."""
    changed = _with(tree, path.split("."), value, source, path)
    _refuse_faults(changed, source, "")
    return changed


def with_settings(tree: T, values: Mapping[str, Any], source: str) -> T:
    """As ``with_setting`` for several paths at once: only together they have to go together.

    Text for what is no text is read as in the environment (``"8"``, ``"true"``, ``"a,b"``).
    """
    changed = tree
    for path, value in values.items():
        kind = type_at(changed, path, source)
        read = _parse(kind, value, source, f"{path}: ") if isinstance(value, str) else value
        changed = _with(changed, path.split("."), read, source, path)
    _refuse_faults(changed, source, "")
    return changed


def type_at(tree: Any, path: str, source: str) -> Any:
    """The type of the setting at a path; raises ``InvalidSetting`` where there is none."""
    *tables, name = path.split(".")
    for table in tables:
        tree = getattr(tree, _field_of(tree, table, source, path).name)
        if not dataclasses.is_dataclass(tree):
            raise InvalidSetting(source, f"{table} has no settings below it.")
    return typing.get_type_hints(type(tree))[_field_of(tree, name, source, path).name]


def _with(node: T, keys: list[str], value: Any, source: str, where: str) -> T:
    field = _field_of(node, keys[0], source)
    current = getattr(node, field.name)
    if len(keys) > 1:
        if not dataclasses.is_dataclass(current):
            raise InvalidSetting(source, f"{field.name} has no settings below it.")
        new: Any = _with(current, keys[1:], value, source, where)
    elif dataclasses.is_dataclass(current):
        raise InvalidSetting(source, f"{field.name} is a table of settings, not a value.")
    else:
        kind = typing.get_type_hints(type(node))[field.name]
        new = _check(kind, value, source, where)
        _refuse_out_of_bounds(field, new, source, where)
    return typing.cast(T, dataclasses.replace(typing.cast(Any, node), **{field.name: new}))


def documented(tree: Any) -> Iterator[tuple[dataclasses.Field[Any], str]]:
    """The fields of a settings table with the string that follows each in the source."""
    body = ast.parse(inspect.getsource(tree)).body[0]
    assert isinstance(body, ast.ClassDef)
    texts = {
        first.target.id: " ".join(str(second.value.value).split())
        for first, second in itertools.pairwise(body.body)
        if isinstance(first, ast.AnnAssign)
        and isinstance(first.target, ast.Name)
        and isinstance(second, ast.Expr)
        and isinstance(second.value, ast.Constant)
    }
    for field in dataclasses.fields(tree):
        yield field, texts[field.name]


def _field_of(node: Any, key: str, source: str, path: str = "") -> dataclasses.Field[Any]:
    fields = {field.name: field for field in dataclasses.fields(node)}
    if key not in fields:
        raise _unknown(source, path or key, key, fields)
    return fields[key]


def _refuse_faults(node: Any, source: str, path: str) -> None:
    """What a table says about values that don't go together (``faults``)."""
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if dataclasses.is_dataclass(value):
            _refuse_faults(value, source, f"{path}{field.name}.")
    if isinstance(node, Checked):
        for name, why in node.faults():
            raise InvalidSetting(source, f"{path}{name}: {why}.")


def _refuse_out_of_bounds(
    field: dataclasses.Field[Any], value: Any, source: str, where: str
) -> None:
    bounds = field.metadata.get(_BOUNDS)
    if bounds is None or isinstance(value, bool) or not isinstance(value, int | float):
        return
    least, most = bounds
    if math.isfinite(value) and least <= value <= most:
        return
    nearest = most if value > most else least
    raise InvalidSetting(
        source,
        f"{where} can't be {value:g}; it is {_range(least, most)}.",
        f"The nearest possible value is {nearest:g}.",
    )


def _range(least: float, most: float) -> str:
    return f"from {least:g} to {most:g}" if math.isfinite(most) else f"at least {least:g}"


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
            _refuse_out_of_bounds(fields[key], values[key], source, where)
    return tree(**values)


def _replace(node: T, keys: list[str], text: str, source: str) -> T:
    key = keys[0]
    field = _field_of(node, key, source)
    current = getattr(node, key)
    if len(keys) > 1:
        if not dataclasses.is_dataclass(current):
            raise InvalidSetting(source, f"{key} has no settings below it.")
        new: Any = _replace(current, keys[1:], text, source)
    else:
        kind = typing.get_type_hints(type(node))[key]
        new = _check(kind, _parse(kind, text, source), source, key)
        _refuse_out_of_bounds(field, new, source, key)
    return typing.cast(T, dataclasses.replace(typing.cast(Any, node), **{key: new}))


def _parse(kind: Any, text: str, source: str, where: str = "") -> Any:
    kind = _plain(kind)
    if typing.get_origin(kind) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is bool:
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise InvalidSetting(source, f"{where}{text!r} is neither true nor false.")
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError as error:
            raise InvalidSetting(source, f"{where}{text!r} is not a number.") from error
    return text


def _check(kind: Any, value: Any, source: str, where: str) -> Any:
    plain = _plain(kind)
    if typing.get_origin(plain) is typing.Literal:
        return _one_of(typing.get_args(plain), value, source, where)
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


def _one_of(allowed: tuple[Any, ...], value: Any, source: str, where: str) -> Any:
    if value in allowed:
        return value
    known = ", ".join(map(str, allowed))
    near = difflib.get_close_matches(str(value), list(map(str, allowed)), n=1)
    hint = f"Did you mean {near[0]}?" if near else None
    raise InvalidSetting(source, f"{where} is one of {known}, not {value!r}.", hint)


def _plain(kind: Any) -> Any:
    """``X`` for ``X | None``; any other type as it is."""
    if isinstance(kind, types.UnionType):
        return next(arg for arg in typing.get_args(kind) if arg is not type(None))
    return kind


def _unknown(source: str, where: str, key: str, fields: Mapping[str, Any]) -> InvalidSetting:
    near = difflib.get_close_matches(key, list(fields), n=1)
    hint = f"Did you mean {near[0]}?" if near else "Known here: " + ", ".join(sorted(fields)) + "."
    return InvalidSetting(source, f"there is no setting {where}.", hint)
