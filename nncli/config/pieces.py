"""From a registry to the schema: ``adam`` or ``{name: adam, beta1: 0.8}`` becomes a validated piece of the engine.

The fields of a registered record, with their bounds and defaults, are the settings that the config may give it. So a
new record is known here without being told. A field of the schema may know more keys (``beside``), which are not the
record's business: how its piece is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, create_model

from nncli.registry import Registry


class Strict(BaseModel):
    """Nothing unknown, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)


class Piece(Strict):
    """A named piece of the engine with its settings; ``build`` makes the record."""

    name: str

    def build(self) -> Any:
        """The registered record with these settings."""
        raise NotImplementedError("pieces come from piece_field")


def piece_field(
    registry: Registry[Any], default: str, beside: Callable[[type[Any]], Mapping[str, Any]] = lambda record: {}
) -> Any:
    """The type of a schema field that takes one of the records of ``registry``; ``default`` when no name is given.

    ``beside`` gives, for a record, the keys that its piece has beside the record's settings: name -> (type, field).
    """

    def named(value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and "name" not in value:
            return {"name": default, **value}
        return value

    def tag(value: Any) -> str | None:
        name = value.get("name") if isinstance(value, dict) else getattr(value, "name", None)
        return name if isinstance(name, str) else None

    models = tuple(Annotated[_model(record, default, beside(record)), Tag(record.name)] for record in registry)
    union: Any = models[0]
    for model in models[1:]:
        union = union | model
    written = Literal[registry.names] | union
    # the registry comes along for those who read the schema: the docs
    return Annotated[union, Discriminator(tag), BeforeValidator(named, json_schema_input_type=written), registry]


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
