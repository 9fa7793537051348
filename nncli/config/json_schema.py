"""The schema as JSON Schema, for editors and for other programs that check configs."""

from __future__ import annotations

from typing import Any

from nncli.config.schema import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a config as it is written, a piece by its name or with its settings.

    It judges each key for itself. What takes several keys, or the data, only ``nncli validate`` can say.
    """
    schema = Config.model_json_schema(mode="validation")
    return {
        "$schema": DIALECT,
        "title": "A config of nncli",
        **{key: value for key, value in schema.items() if key not in ("title", "$defs")},
        "$defs": schema["$defs"],
    }
