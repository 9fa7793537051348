"""A model as one Python file that needs NumPy alone, and its weights beside it."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from nncli.engine.buffers import Array
from nncli.export.graph import Traced, signals
from nncli.export.model import Model

SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**", "greater": ">", "less": "<"}
REDUCED = ("mean", "sum", "max")
ERFC = """

erfc = np.vectorize(math.erfc, otypes=[np.float64])
"""
HEAD = '''"""{name}: a network for {task}, written by nncli {version}. It needs NumPy and the file {weights_word}.

>>> predict({argument})  # {meaning}
"""

from __future__ import annotations
{imports}
from pathlib import Path

import numpy as np

FEATURES = {feature_list}
{classes}
with np.load(Path(__file__).with_name({weights!r}), allow_pickle=False) as file:
    W = {{name: file[name] for name in file.files}}
{helpers}

@np.errstate(over="ignore", under="ignore", invalid="ignore")
def predict({argument}):
    """What the network says of {rows} as they stand in the table: name -> (n, ...)."""
{inputs}
'''
TABLES = """

def number(cells):
    return np.asarray(cells, np.float64).reshape(-1, 1)


def date(cells):
    time = np.asarray(cells, "datetime64[us]").reshape(-1, 1)
    return np.where(np.isnat(time), np.nan, time.astype(np.int64) / 1e6)


def category(cells, known, other):
    return np.array([[known.get("" if cell is None or cell != cell else str(cell), other)] for cell in cells], float)
"""
"""Readers of columns; a gap is None or NaN."""


def numpy_model(model: Model, version: str, weights: str) -> tuple[str, dict[str, Array]]:
    """The text of the file, and the arrays of the file ``weights``."""
    return _Writer(model).file(version, weights)


class _Writer:
    def __init__(self, model: Model) -> None:
        self._model = model
        ends = [*(signal for _, signal in model.stages), *model.outputs.values()]
        self._uses = Counter(id(x) for signal in signals(ends) for x in signal.inputs if isinstance(x, Traced))
        self._names = {id(one): "x" if len(model.inputs) == 1 else f"x{i}" for i, one in enumerate(model.inputs)}
        self._count = 0
        self._tensors = {id(array): name for name, array in model.tensors.items()}
        self._weights: dict[str, Array] = {}
        self._lines: list[str] = []

    def file(self, version: str, weights: str) -> tuple[str, dict[str, Array]]:
        """See ``numpy_model``."""
        model, decision = self._model, self._model.decision
        for name, signal in model.stages:
            if id(signal) not in self._names:
                self._lines.append(f"# {name}")
                self._assign(signal)
        told = {name: self._text(signal) for name, signal in model.outputs.items()}
        if decision is not None and decision.classes:
            outputs = self._text(decision.outputs)
            if decision.outputs.width > 1:
                codes = f"np.argmax({outputs}, axis=1)"
            else:
                codes = f"({outputs}[:, 0] > {decision.threshold!r}).astype(int)"
                if "probabilities" in told:
                    told["probabilities"] = f"np.hstack([1 - {outputs}, {outputs}])"
            told = {"label": f"np.array(CLASSES)[{codes}]", **told}
        elif decision is not None:
            told = {"labels": f"({self._text(decision.outputs)} > {decision.threshold!r}).astype(int)", **told}
        pairs = "".join(f"        {name!r}: {text},\n" for name, text in told.items())
        body = "".join(f"    {line}\n" for line in self._lines)
        uses_erfc = "erfc(" in body + pairs
        tables = any("kind" in one.settings for one in model.inputs)
        inputs = [f"    {self._names[id(one)]} = {self._read(one)}" for one in model.inputs]
        listed = "\n".join(["[", *(f"    {name!r}," for name in model.features), "]"])
        head = HEAD.format(
            name=_word(model.name),
            task=model.task,
            version=version,
            weights=weights,
            weights_word=_word(weights),
            argument="columns" if tables else "X",
            meaning="columns: name -> cells, for each of FEATURES" if tables else "X: rows of FEATURES",
            rows="columns (name -> n cells)" if tables else f"rows X (n, {len(model.features)}) of features",
            inputs="\n".join(inputs),
            imports="\nimport math" if uses_erfc else "",
            feature_list=listed,
            classes=f"CLASSES = {list(decision.classes)!r}\n" if decision is not None and decision.classes else "",
            helpers=(ERFC if uses_erfc else "") + (TABLES if tables else ""),
        )
        return f"{head}{body}    return {{\n{pairs}    }}\n", self._weights

    def _assign(self, signal: Traced) -> None:
        text = self._formula(signal)
        name = f"h{self._count}"
        self._count += 1
        self._names[id(signal)] = name
        self._lines.append(f"{name} = {text}")

    def _read(self, one: Traced) -> str:
        """How an input comes from what the function is given."""
        kind, name = one.settings.get("kind"), one.settings["name"]
        if kind is None:
            return "np.asarray(X, np.float64)"
        return f"columns[{name!r}]" if kind == "category" else f"{kind}(columns[{name!r}])"

    def _text(self, x: Traced | Array) -> str:
        if not isinstance(x, Traced):
            return self._constant(x)
        if id(x) not in self._names and self._uses[id(x)] > 1:
            self._assign(x)
        if id(x) in self._names:
            return self._names[id(x)]
        return f"({self._formula(x)})" if x.op in (*SIGNS, "negative", "dot") else self._formula(x)

    def _formula(self, signal: Traced) -> str:
        op, parts = signal.op, [self._text(x) for x in signal.inputs]
        if op in SIGNS:
            return f" {SIGNS[op]} ".join(parts)
        if op == "negative":
            return f"-{parts[0]}"
        if op == "dot":
            return " @ ".join(parts)
        if op == "cast":
            return f"{parts[0]}.astype(np.{signal.dtype.name})"
        if op == "columns":
            return f"{parts[0]}[:, {signal.settings['start']}:{signal.settings['stop']}]"
        if op == "take":
            return f"{parts[0]}[:, {signal.settings['columns']}]"
        if op == "lookup":
            return f"category({parts[0]}, {signal.settings['numbers']!r}, {signal.settings['other']!r})"
        if op in REDUCED:
            return f"np.{op}({parts[0]}, axis=-1, keepdims=True)"
        if op == "concatenate":
            return f"np.concatenate([{', '.join(parts)}], axis=1)"
        if op == "take_along_axis":
            return f"np.take_along_axis({parts[0]}, {parts[1]}, axis=0)"
        if op == "erfc":
            return f"erfc({parts[0]}).astype(np.{signal.dtype.name})"
        return f"np.{op}({', '.join(parts)})"

    def _constant(self, array: Array) -> str:
        if array.ndim == 0:
            value = array.item()
            # NumPy takes a Python number at the precision of the array beside it
            return repr(value) if math.isfinite(value) else f"float({str(value)!r})"
        name = self._tensors.get(id(array), f"constant.{len(self._weights)}")
        self._weights[name] = np.ascontiguousarray(array)
        return f"W[{name!r}]"


def _word(name: str) -> str:
    """``name`` in a docstring: a run's folder may have been named to end that, and to go on as a program."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
