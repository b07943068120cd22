"""The operating system as data: YAML files under ``distro/``, read into structs.

The struct is the schema.  Every fault of a file is told at once, each with its file,
its line and, for an unknown key, the nearest known one.  Reading is fast (libyaml);
lines are looked up only once there is a fault to tell.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import inspect
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from heliostat.core.errors import HeliostatError

T = TypeVar("T", bound=msgspec.Struct)
Place = tuple[str | int, ...]
_DATE = re.compile(r"\b(\d{4})-(\d\d?)-(\d\d?)")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at ``place``: the keys and indexes that lead there."""

    place: Place
    message: str


def load(path: Path, kind: type[T]) -> T:
    """The file as a ``kind``; ``InvalidSetting`` with all of its faults otherwise."""
    text = _read(path)
    try:
        value = YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        raise _broken(path, error) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        told = f"the character {error.character:#04x} can't be in it"
        raise _invalid(f"{path}:{line}: this is not YAML: {told}.") from error
    except ValueError as error:  # what looks like a date
        raise _invalid(f"{path}:{_no_date(text)}: this is no date: {error}.") from error
    except RecursionError as error:
        raise _invalid(f"{path}: it is nested too deeply to be read.") from error
    value = {} if value is None else value
    faults = list(faults_of(value, inspect.type_info(kind)))
    if faults:
        raise _refused(path, text, faults)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:  # what a struct refuses by itself
        raise _refused(path, text, [_own_fault(error)]) from error


def _own_fault(error: msgspec.ValidationError) -> Fault:
    sentence, _, where = str(error).partition(" - at `$")
    steps = re.findall(r"\.([^.\[`]+)|\[(\d+)\]", where)
    return Fault(tuple(int(index) if index else name for name, index in steps), sentence)


def faults_of(value: object, wanted: inspect.Type, place: Place = ()) -> Iterator[Fault]:
    """Where ``value`` isn't what ``wanted`` describes."""
    if isinstance(wanted, inspect.Metadata):
        yield from _described_faults(value, wanted, place)
    elif isinstance(wanted, inspect.StructType) and isinstance(value, dict):
        yield from _struct_faults(value, wanted, place)
    elif isinstance(wanted, inspect.DictType) and isinstance(value, dict):
        for key, item in value.items():
            yield from faults_of(key, wanted.key_type, (*place, key))
            yield from faults_of(item, wanted.value_type, (*place, key))
    elif isinstance(wanted, inspect.ListType | inspect.VarTupleType) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from faults_of(item, wanted.item_type, (*place, index))
    elif isinstance(wanted, inspect.UnionType):
        yield from _union_faults(value, wanted, place)
    else:
        yield from _leaf_faults(value, wanted, place)


def _struct_faults(
    value: dict[Any, Any], wanted: inspect.StructType, place: Place
) -> Iterator[Fault]:
    known = {field.encode_name: field for field in wanted.fields}
    for key, item in value.items():
        if key in known:
            yield from faults_of(item, known[key].type, (*place, key))
        else:
            yield Fault((*place, key), f"unknown key {key!r}; {_nearest(str(key), known)}")
    for name, field in known.items():
        if field.required and name not in value:
            yield Fault(place, f"the key {name!r} is missing")


def _described_faults(value: object, wanted: inspect.Metadata, place: Place) -> Iterator[Fault]:
    """What the type says of itself is told instead of its pattern."""
    found = list(faults_of(value, wanted.type, place))
    told = (wanted.extra_json_schema or {}).get("description")
    if found and told and isinstance(value, str):
        yield Fault(place, f"{value!r:.100} is not {told}")
    else:
        yield from found


def _union_faults(value: object, wanted: inspect.UnionType, place: Place) -> Iterator[Fault]:
    """Those of the alternative that comes nearest, if none fits."""
    found = [list(faults_of(value, each, place)) for each in wanted.types]
    if all(found):
        yield from max(found, key=lambda faults: max(len(fault.place) for fault in faults))


def _leaf_faults(value: object, wanted: inspect.Type, place: Place) -> Iterator[Fault]:
    try:
        msgspec.convert(value, _python_type(wanted))
    except msgspec.ValidationError as error:
        sentence = str(error).partition(" - at ")[0]
        yield Fault(place, sentence[:1].lower() + sentence[1:])


def _python_type(wanted: inspect.Type) -> Any:
    simple: dict[type[inspect.Type], type] = {
        inspect.StrType: str,
        inspect.IntType: int,
        inspect.FloatType: float,
        inspect.BoolType: bool,
        inspect.DateType: datetime.date,
        inspect.NoneType: type(None),
        inspect.ListType: list,
        inspect.VarTupleType: list,
        inspect.DictType: dict,
    }
    if isinstance(wanted, inspect.EnumType | inspect.StructType):
        return wanted.cls
    if isinstance(wanted, inspect.StrType) and wanted.pattern is not None:
        return Annotated[str, msgspec.Meta(pattern=wanted.pattern)]
    if isinstance(wanted, inspect.LiteralType):
        from typing import Literal

        return Literal[tuple(wanted.values)]
    return simple.get(type(wanted), Any)


def _nearest(key: str, known: dict[str, Any]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _invalid(f"There is no file {path}.") from error
    except UnicodeDecodeError as error:
        raise _invalid(f"{path}: the file is not UTF-8 text.") from error


def _refused(path: Path, text: str, faults: list[Fault]) -> HeliostatError:
    tree = YAML(typ="rt").load(text)
    lines = [f"{path}:{_line(tree, fault.place)}: {_told(fault)}" for fault in faults]
    more = f" ({len(lines) - 1} more)" if len(lines) > 1 else ""
    end = "" if lines[0].endswith("?") and not more else "."
    return _invalid(f"{lines[0]}{more}{end}", faults=lines)


def _told(fault: Fault) -> str:
    where = ".".join(str(step) for step in fault.place)
    return f"{where}: {fault.message}" if where else fault.message


def _line(tree: Any, place: Place) -> int:
    """The line, counted from 1, of the deepest part of ``place`` that is there."""
    line = 1
    for step in place:
        position = getattr(tree, "lc", None)
        if position is None or position.data is None or step not in position.data:
            break
        line = position.data[step][0] + 1
        tree = tree[step]
    return line


def _broken(path: Path, error: MarkedYAMLError) -> HeliostatError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 1
    return _invalid(f"{path}:{line}: this is not YAML: {error.problem or error.context}.")


def _no_date(text: str) -> int:
    """The line of the first thing that looks like a date and is none."""
    for number, line in enumerate(text.splitlines(), 1):
        for year, month, day in _DATE.findall(line):
            try:
                datetime.date(int(year), int(month), int(day))
            except ValueError:
                return number
    return 1


def _invalid(sentence: str, faults: list[str] | None = None) -> HeliostatError:
    return HeliostatError(
        "InvalidSetting",
        sentence,
        hint="Correct the file; `data.faults` lists every fault of it.",
        data={"faults": faults or [sentence]},
    )
