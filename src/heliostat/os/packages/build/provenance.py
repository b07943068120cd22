"""The record of a build: what went in, what was done, what came out.

An in-toto statement (https://in-toto.io/Statement/v1) with a predicate of the form of SLSA
provenance (https://slsa.dev/provenance/v1).  It holds no time and no host name, so that
two builders of the same recipe write the same statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

import heliostat
from heliostat.core.errors import HeliostatError
from heliostat.os.packages.build.recipe import FORMAT, Recipe

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
PACKAGE_URI = "pkg:deb/debian/"
BUILD_TYPE = f"urn:heliostat:build:{FORMAT}"


class Digest(msgspec.Struct, frozen=True):
    sha256: str


class Resource(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file or a package, by digest where it has one."""

    name: str
    digest: Digest | None = None
    uri: str = ""


class Parameters(msgspec.Struct, frozen=True):
    """What was asked for, and how it was done."""

    name: str
    version: str
    script: str
    environment: dict[str, str]
    outputs: tuple[str, ...]


class Definition(msgspec.Struct, frozen=True, rename="camel"):
    build_type: str
    external_parameters: Parameters
    resolved_dependencies: tuple[Resource, ...]


class Builder(msgspec.Struct, frozen=True):
    id: str
    version: dict[str, str]


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    invocation_id: str


class Run(msgspec.Struct, frozen=True):
    builder: Builder
    metadata: Metadata


class Predicate(msgspec.Struct, frozen=True, rename="camel"):
    build_definition: Definition
    run_details: Run


class Statement(msgspec.Struct, frozen=True, rename="camel"):
    """The whole record."""

    subject: tuple[Resource, ...]
    predicate: Predicate
    type_: str = msgspec.field(default=STATEMENT, name="_type")
    predicate_type: str = PREDICATE


def statement_of(recipe: Recipe, outputs: Sequence[tuple[str, str]]) -> Statement:
    """The record of a recipe and of what it made: names and SHA-256 digests."""
    parameters = Parameters(
        recipe.name, recipe.version, recipe.script, recipe.full_environment, recipe.outputs
    )
    definition = Definition(BUILD_TYPE, parameters, tuple(_dependencies(recipe)))
    builder = Builder("urn:heliostat:builder:sandbox", {"heliostat": heliostat.__version__})
    run = Run(builder, Metadata(recipe.identity))
    subject = tuple(Resource(name, Digest(digest)) for name, digest in outputs)
    return Statement(subject, Predicate(definition, run))


def written(statement: Statement) -> bytes:
    """As JSON that people can read; the same statement gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(statement), indent=2) + b"\n"


def read(path: Path) -> Statement:
    """The statement in the file at ``path``."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Statement)
    except (msgspec.MsgspecError, FileNotFoundError) as error:
        raise HeliostatError(
            "BuildNotFound", f"{path} is no record of a build: {error}."
        ) from error


def _dependencies(recipe: Recipe) -> list[Resource]:
    """The inputs, the root as a whole, and each package in it."""
    inputs = [Resource(each.name, Digest(each.sha256), each.origin) for each in recipe.inputs]
    root = Resource("build-root", Digest(recipe.root.digest))
    packages = [_package(each, recipe.root.digests.get(each)) for each in recipe.root.packages]
    return [*inputs, root, *packages]


def _package(listed: str, sha256: str | None) -> Resource:
    name, _, version = listed.partition("=")
    digest = None if sha256 is None else Digest(sha256)
    return Resource(name, digest, f"{PACKAGE_URI}{name}@{version}")
