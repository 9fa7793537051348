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

>>> predict(X)  # X: rows of {features}
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

@np.errstate(over="ignore", under="ignore")
def predict(X):
    """What the network says of rows X (n, {width}) of features as they stand in the table: name -> (n, ...)."""
    x = np.asarray(X, np.float64)
'''


def numpy_model(model: Model, version: str, weights: str) -> tuple[str, dict[str, Array]]:
    """The text of the file, and the arrays of the file ``weights``."""
    return _Writer(model).file(version, weights)


class _Writer:
    def __init__(self, model: Model) -> None:
        self._model = model
        ends = [*(signal for _, signal in model.stages), *model.outputs.values()]
        self._uses = Counter(id(x) for signal in signals(ends) for x in signal.inputs if isinstance(x, Traced))
        self._names = {id(model.inputs): "x"}
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
        listed = "\n".join(["[", *(f"    {name!r}," for name in model.features), "]"])
        head = HEAD.format(
            name=_word(model.name),
            task=model.task,
            version=version,
            weights=weights,
            weights_word=_word(weights),
            features="FEATURES",
            imports="\nimport math" if uses_erfc else "",
            feature_list=listed,
            classes=f"CLASSES = {list(decision.classes)!r}\n" if decision is not None and decision.classes else "",
            helpers=ERFC if uses_erfc else "",
            width=model.inputs.width,
        )
        return f"{head}{body}    return {{\n{pairs}    }}\n", self._weights

    def _assign(self, signal: Traced) -> None:
        text = self._formula(signal)
        name = f"h{len(self._names) - 1}"
        self._names[id(signal)] = name
        self._lines.append(f"{name} = {text}")

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
