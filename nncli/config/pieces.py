"""From a registry to the schema: ``adam`` or ``{name: adam, beta1: 0.8}`` becomes a validated piece of the engine.

The fields of a registered record, with their bounds and defaults, are the settings that the config may give it. So a
new record is known here without being told. A field of the schema may know more keys (``beside``), which are not the
record's business: how its piece is used.

A config names few of the more than a hundred records. The model of a record is made when the first config names it: all
of them together take as long as a small training.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from nncli.registry import Registry


class Strict(BaseModel):
    """Nothing unknown, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Piece(Strict):
    """A named piece of the engine with its settings; ``build`` makes the record."""

    name: str

    def build(self) -> Any:
        """The registered record with these settings."""
        raise NotImplementedError("pieces come from piece_field")


Beside = Callable[[type[Any]], Mapping[str, Any]]


def piece_field(registry: Registry[Any], default: str, beside: Beside = lambda record: {}) -> Any:
    """The type of a schema field that takes one of the records of ``registry``; ``default`` when no name is given.

    ``beside`` gives, for a record, the keys that its piece has beside the record's settings: name -> (type, field).
    """
    return Annotated[Piece, PieceOf(registry, default, beside)]


class PieceOf:
    """What a schema field takes: a piece of ``registry``. The mark of such a field, and its validator."""

    def __init__(self, registry: Registry[Any], default: str, beside: Beside) -> None:
        self.registry = registry
        self._default, self._beside = default, beside
        self._made: dict[str, type[Piece]] = {}

    def model(self, name: str) -> type[Piece]:
        """The model of the record of that name."""
        if name not in self._made:
            record = self.registry[name]
            self._made[name] = _model(record, self._default, self._beside(record))
        return self._made[name]

    def models(self) -> list[type[Piece]]:
        """The models of all records, in their order."""
        return [self.model(name) for name in self.registry.names]

    def validate(self, value: Any) -> Piece:
        """The piece that ``value`` names."""
        if isinstance(value, str):
            value = {"name": value}
        elif isinstance(value, dict) and "name" not in value:
            value = {"name": self._default, **value}
        name = value.get("name") if isinstance(value, dict) else getattr(value, "name", None)
        if not isinstance(name, str):
            raise PydanticKnownError("union_tag_not_found", {"discriminator": "name"})
        if name not in self.registry:
            expected = ", ".join(map(repr, self.registry.names))
            raise PydanticKnownError(
                "union_tag_invalid", {"discriminator": "name", "tag": name, "expected_tags": expected}
            )
        return self.model(name).model_validate(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        written: Any = Literal[self.registry.names]
        for model in self.models():
            written = written | model
        return handler(TypeAdapter(written).core_schema)


def models_in(annotation: Any, marks: Sequence[Any] = ()) -> Iterator[type[BaseModel]]:
    """Every model in a type: of a list, a union, an annotated type; of a field with its ``marks``."""
    pieces = [mark for mark in (*marks, *getattr(annotation, "__metadata__", ())) if isinstance(mark, PieceOf)]
    if pieces:
        for mark in pieces:
            yield from mark.models()
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for argument in getattr(annotation, "__args__", ()):
            yield from models_in(argument)


def _model(record: type[Any], default: str, beside: Mapping[str, Any]) -> type[Piece]:
    """A pydantic model with the fields of the dataclass ``record``, whose ``build`` makes one.

    Settings without a name go to ``default``: of all others the JSON Schema asks for the name.
    """

    def ask_for_the_name(schema: dict[str, Any]) -> None:
        if record.name != default:
            schema["required"] = ["name", *schema.get("required", [])]

    hints = get_type_hints(record, include_extras=True)
    fields: dict[str, Any] = {f.name: (hints[f.name], f.default) for f in dataclasses.fields(record)}

    settings = set(fields)

    class Base(Piece):
        model_config = ConfigDict(json_schema_extra=ask_for_the_name)
        __doc__ = record.__doc__

        def build(self) -> Any:
            return record(**self.model_dump(include=settings))

    name: Any = (Literal[record.name], Field(default=record.name))
    model: type[Piece] = create_model(
        record.__name__, __base__=Base, __doc__=record.__doc__, name=name, **fields, **beside
    )
    return model
