"""Write docs/config.md from the schema: python docs/make_config_reference.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from nncli import scoring
from nncli.config.schema import Config
from nncli.data import sources
from nncli.engine import activations, initializers, losses, norms, optimizers

PIECES = {
    "Activations": activations.registry,
    "Norms": norms.registry,
    "Losses": losses.registry,
    "Optimizers": optimizers.registry,
    "Initializers": initializers.registry,
    "Data sources": sources.registry,
}


def reference() -> str:
    """The whole page."""
    lines = [
        "# The config",
        "",
        "Generated from the schema by `docs/make_config_reference.py`. Unknown keys are errors.",
        "",
    ]
    lines += ["| key | default | meaning |", "|-|-|-|", *_rows(Config, "")]
    lines += ["", "A piece is written by its name, `loss: mse`, or with settings, `{name: adam, beta1: 0.8}`.", ""]
    for title, registry in PIECES.items():
        lines += [f"## {title}", "", "| name | settings | |", "|-|-|-|"]
        for record in registry:
            fields = record.__dataclass_fields__.values()
            settings = ", ".join(f"`{field.name}: {_plain(field.default)}`" for field in fields)
            formula = f"`{_cell(record.formula)}`. " if hasattr(record, "formula") else ""
            source = f" ({record.source})" if getattr(record, "source", "") else ""
            lines.append(
                f"| `{record.name}` | {settings} | {formula}{(record.__doc__ or '').splitlines()[0]}{source} |"
            )
        lines.append("")
    lines += ["## Metrics", "", "By the functions of `sklearn.metrics`; 0/0 is not defined, and left empty.", ""]
    lines += ["| name | settings | for | better | function | |", "|-|-|-|-|-|-|"]
    for metric in scoring.registry:
        settings = ", ".join(f"`{f.name}: {_plain(f.default)}`" for f in metric.__dataclass_fields__.values())
        better, tasks = "higher" if metric.higher_is_better else "lower", ", ".join(metric.tasks)
        function, meaning = f"`{metric.function}`", _cell((metric.__doc__ or "").splitlines()[0])
        lines.append(f"| `{metric.name}` | {settings} | {tasks} | {better} | {function} | {meaning} |")
    lines.append("")
    return "\n".join(lines)


def _rows(model: type[BaseModel], prefix: str) -> list[str]:
    rows = []
    for name, field in model.model_fields.items():
        inner = _model(field.annotation)
        key = f"{prefix}{name}"
        if inner is not None and not field.description:
            rows.append(f"| **`{key}`** | | {_cell((inner.__doc__ or '').splitlines()[0])} |")
        else:
            default = "required" if field.is_required() else f"`{_plain(field.default)}`"
            rows.append(f"| `{key}` | {default} | {field.description or ''} |")
        if inner is not None:
            item = ".0." if str(field.annotation).startswith("list") or "list[" in str(field.annotation) else "."
            rows += _rows(inner, key + item)
    return rows


def _model(annotation: Any) -> type[BaseModel] | None:
    """The one model of the schema within a type; a piece of a registry is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation if "name" not in annotation.model_fields else None
    found = [_model(argument) for argument in getattr(annotation, "__args__", ())]
    return next((model for model in found if model is not None), None)


def _cell(text: str) -> str:
    """``text`` for a cell of a table, where a bar would end it."""
    return text.replace("|", "\\|")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    Path(__file__).with_name("config.md").write_text(reference(), encoding="utf-8")
