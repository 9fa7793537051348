"""A model as an ONNX graph."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nncli.engine.buffers import Array
from nncli.errors import NncliError
from nncli.export.graph import Traced, signals
from nncli.export.model import Decision, Model

if TYPE_CHECKING:
    import onnx

OPSET = 18
OPSET_ML = 3
"""Of the operators for classical machine learning, which know text."""
ML = "ai.onnx.ml"
PLAIN = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "power": "Pow",
    "negative": "Neg",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "absolute": "Abs",
    "tanh": "Tanh",
    "sin": "Sin",
    "maximum": "Max",
    "minimum": "Min",
    "greater": "Greater",
    "less": "Less",
    "equal": "Equal",
    "sign": "Sign",
    "where": "Where",
    "dot": "MatMul",
    "cos": "Cos",
}
"""NumPy's functions that ONNX has under another name."""
REDUCED = {"mean": "ReduceMean", "sum": "ReduceSum", "max": "ReduceMax"}


def onnx_model(model: Model, version: str) -> onnx.ModelProto:
    """The graph of ``model``, which ``onnx.checker`` has passed.

    Args:
        model: What to write.
        version: Of nncli, for the file's head.

    Raises:
        NncliError: onnx is not installed, or a function has no counterpart.
    """
    try:
        import onnx
    except ImportError:
        raise NncliError("onnx is not installed", remedy="pip install 'nncli[export]'") from None
    writer = _Writer(model)
    names = {name: writer.rename(writer.names[id(signal)], _plain(name)) for name, signal in writer.outputs.items()}
    labels = writer.label(model.decision) if model.decision is not None else []
    values = [
        onnx.helper.make_tensor_value_info(names[name], writer.kind(signal.dtype), ["rows", signal.width])
        for name, signal in writer.outputs.items()
    ]
    graph = onnx.helper.make_graph(
        writer.nodes,
        model.name,
        [
            onnx.helper.make_tensor_value_info(one.settings["name"], writer.kind(one.dtype), ["rows", one.width])
            for one in model.inputs
        ],
        [*labels, *values],
        writer.constants,
    )
    made = onnx.helper.make_model(
        graph,
        producer_name="nncli",
        producer_version=version,
        opset_imports=[
            onnx.helper.make_opsetid("", OPSET),
            *[onnx.helper.make_opsetid(ML, OPSET_ML)] * any(node.domain == ML for node in writer.nodes),
        ],
        ir_version=9,
    )
    onnx.helper.set_model_props(
        made,
        {
            "features": json.dumps(model.features),
            **({"kinds": json.dumps([one.settings["kind"] for one in model.inputs])} if len(model.inputs) > 1 else {}),
            "targets": json.dumps(model.targets),
            "task": model.task,
            **({"classes": json.dumps(model.decision.classes)} if model.decision else {}),
        },
    )
    onnx.checker.check_model(made, full_check=True)
    return made


def _plain(name: str) -> str:
    """A name that programs take: ``quantile 0.1`` becomes ``quantile_0.1``."""
    return name.replace(" ", "_")


class _Writer:
    """The nodes and constants of a model.

    Attributes:
        nodes: In an order in which they can be computed.
        constants: Every array, once.
        names: id of a signal -> what it is called.
        outputs: Name -> signal; of two classes by one output, the probabilities of both.
    """

    def __init__(self, model: Model) -> None:
        import onnx

        self._onnx = onnx
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.names: dict[int, str] = {id(one): one.settings["name"] for one in model.inputs}
        self._tensors = {id(array): name for name, array in model.tensors.items()}
        self._known: dict[tuple[int | bytes, str], str] = {}
        self._kept: list[Array] = []  # an id is one array's for as long as that lives
        self.outputs = dict(model.outputs)
        for signal in signals(list(model.outputs.values())):
            if id(signal) not in self.names:
                self.names[id(signal)] = self._write(signal)
        two = model.decision is not None and len(model.decision.classes) == 2
        if two and "probabilities" in self.outputs and model.outputs["probabilities"].width == 1:
            self.outputs["probabilities"] = self._both(model.outputs["probabilities"])

    def kind(self, dtype: Any) -> int:
        """The number by which ONNX calls a dtype."""
        if np.dtype(dtype).kind == "O":
            return int(self._onnx.TensorProto.STRING)
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def node(self, op: str, *inputs: str, output: str = "", **settings: Any) -> str:
        """Add one; returns the name of what it computes."""
        output = output or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(op, inputs, [output], name=output, **settings))
        return output

    def constant(self, array: Array, name: str = "") -> str:
        """Keep ``array``, unless it is kept already; single numbers are known by their value."""
        key = (
            array.tobytes() if array.size == 1 and array.dtype != object else id(array),
            f"{array.dtype}{array.ndim}",
        )
        if key not in self._known:
            self._kept.append(array)
            self._known[key] = name or self._tensors.get(id(array), f"constant_{len(self.constants)}")
            content = np.ascontiguousarray(array) if array.ndim else array
            self.constants.append(self._onnx.numpy_helper.from_array(content, self._known[key]))
        return self._known[key]

    def rename(self, old: str, new: str) -> str:
        """Another name for what is computed."""
        return self.node("Identity", old, output=new)

    def label(self, decision: Decision) -> list[onnx.ValueInfoProto]:
        """Add what decides; returns the output."""
        outputs, number, helper = self.names[id(decision.outputs)], self._onnx.TensorProto.INT64, self._onnx.helper
        threshold = np.asarray(decision.threshold, decision.outputs.dtype)
        if decision.outputs.width > 1 and decision.classes:
            codes = self.node("ArgMax", outputs, axis=1, keepdims=0)
        else:
            codes = self.node("Cast", self.node("Greater", outputs, self.constant(threshold)), to=number)
            if not decision.classes:
                self.rename(codes, "labels")
                return [helper.make_tensor_value_info("labels", number, ["rows", decision.outputs.width])]
            codes = self.node("Squeeze", codes, self.constant(np.array([1])))
        text = isinstance(decision.classes[0], str)
        classes = np.array(decision.classes, object if text else np.int64)
        self.node("Gather", self.constant(classes, "classes"), codes, output="label")
        kind = self._onnx.TensorProto.STRING if text else number
        return [helper.make_tensor_value_info("label", kind, ["rows"])]

    def _both(self, of_second: Traced) -> Traced:
        """The probabilities of two classes, from that of the second."""
        second = self.names[id(of_second)]
        both = Traced("both", (of_second,), 2, of_second.dtype)
        self.names[id(both)] = self.node("Concat", self.node("Sub", self._one(of_second), second), second, axis=1)
        return both

    def _write(self, signal: Traced) -> str:
        names = [self.names[id(x)] if isinstance(x, Traced) else self.constant(x) for x in signal.inputs]
        special: dict[str, Callable[[], str]] = {
            "cast": lambda: self.node("Cast", *names, to=self.kind(signal.dtype)),
            "columns": lambda: self._columns(names[0], signal),
            "take": lambda: self.node("Gather", *names, self.constant(np.array(signal.settings["columns"])), axis=1),
            "isnan": lambda: self.node("IsNaN", *names),
            "log1p": lambda: self.node("Log", self.node("Add", self._one(signal), *names)),
            "lookup": lambda: self._lookup(names[0], signal),
            "expm1": lambda: self.node("Sub", self.node("Exp", *names), self._one(signal)),
            "erfc": lambda: self.node("Sub", self._one(signal), self.node("Erf", *names)),
            "logaddexp": lambda: self._logaddexp(names[0], names[1], self._one(signal)),
            "concatenate": lambda: self.node("Concat", *names, axis=1),
            "take_along_axis": lambda: self._take(names[0], names[1]),
        }
        if signal.op in PLAIN:
            return self.node(PLAIN[signal.op], *names)
        if signal.op in REDUCED:
            return self.node(REDUCED[signal.op], *names, self.constant(np.array([-1])), keepdims=1)
        if signal.op in special:
            return special[signal.op]()
        raise NncliError(f"ONNX has nothing for {signal.op}", remedy="please report it, with the config")

    def _one(self, signal: Traced) -> str:
        return self.constant(np.ones((), signal.dtype))

    def _lookup(self, name: str, signal: Traced) -> str:
        """The number that belongs to each text: they are counted as whole numbers first, and then converted."""
        numbers, other = signal.settings["numbers"], int(signal.settings["other"])
        keys, values = list(numbers), [int(number) for number in numbers.values()]
        codes = self.node("LabelEncoder", name, domain=ML, keys_strings=keys, values_int64s=values, default_int64=other)
        return self.node("Cast", codes, to=self.kind(signal.dtype))

    def _columns(self, name: str, signal: Traced) -> str:
        bounds = (np.array([signal.settings[key]]) for key in ("start", "stop"))
        return self.node("Slice", name, *map(self.constant, bounds), self.constant(np.array([1])))

    def _take(self, table: str, codes: str) -> str:
        """The rows of a table, by a column of whole numbers."""
        return self.node("Gather", table, self.node("Squeeze", codes, self.constant(np.array([1]))), axis=0)

    def _logaddexp(self, a: str, b: str, one: str) -> str:
        """log(exp a + exp b) = max(a, b) + log(1 + exp(−|a − b|)), which no large number overflows."""
        apart = self.node("Neg", self.node("Abs", self.node("Sub", a, b)))
        return self.node(
            "Add", self.node("Max", a, b), self.node("Log", self.node("Add", one, self.node("Exp", apart)))
        )
