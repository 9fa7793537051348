"""A run, written as a program that does without nncli, once that says the same."""

from __future__ import annotations

import io
import runpy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nncli.errors import NncliError
from nncli.export.check import Agreement, compare, rows_of
from nncli.export.model import Model, model_of
from nncli.export.numpy_file import numpy_model
from nncli.export.onnx_file import onnx_model
from nncli.run import Run
from nncli.run.files import replaced
from nncli.trained import Predictor, load_run


@dataclass(frozen=True)
class Exported:
    """What was written, and how far it agrees with the run."""

    files: tuple[Path, ...]
    checked_with: str
    agreement: Agreement


Form = Literal["onnx", "numpy"]
SUFFIXES: dict[Form, str] = {"onnx": ".onnx", "numpy": ".py"}


def export(run: Run, output: Path | None = None, *, form: Form | None = None, overwrite: bool = False) -> Exported:
    """Write the best or last weights of ``run``, as its summary says, with all that leads from raw features to answers.

    Args:
        run: A run that has weights.
        output: Where to: ``.onnx``, or ``.py`` for a file that needs NumPy alone (its weights go beside it, ``.npz``);
            None: model.onnx or model.py, as ``form`` says.
        form: What to write; None: as the name of ``output`` ends.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        RunError: The run cannot be read.
        NncliError: The suffix says nothing or something else, a file is there, a package is missing, or the two do
            not agree: then nothing is written.
    """
    writers: dict[str, Callable[[Predictor, Model, Path], Exported]] = {".onnx": _onnx, ".py": _numpy}
    output = Path(f"model{SUFFIXES[form or 'onnx']}") if output is None else output
    if form is not None and output.suffix != SUFFIXES[form]:
        message = f"is no name for what --format {form} writes"
        raise NncliError(message, where=str(output), remedy=f"end it in {SUFFIXES[form]}, or leave out --format")
    if output.suffix not in writers:
        message = f"no format is known by the name {output.suffix!r}" if output.suffix else "no format is named"
        remedy = "end it in .onnx, or in .py for a file that needs NumPy alone"
        raise NncliError(message, where=str(output), remedy=remedy)
    files = [output] if output.suffix == ".onnx" else [output, output.with_suffix(".npz")]
    for file in files:
        if file.exists() and not overwrite:
            raise NncliError("exists already", where=str(file), remedy="take another name, or --overwrite")
    if not output.parent.is_dir():
        raise NncliError("there is no such folder", where=str(output.parent), remedy="make it first")
    trained = load_run(run)
    return writers[output.suffix](trained, model_of(trained), output)


def _onnx(trained: Predictor, model: Model, output: Path) -> Exported:
    content = onnx_model(model, version("nncli")).SerializeToString()
    try:
        import onnxruntime
    except ImportError:
        raise NncliError("onnxruntime is not installed", remedy="pip install 'nncli[export]'") from None
    rows = rows_of(trained)
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        names = [told.name for told in session.get_outputs()]
        told = dict(zip(names, session.run(names, rows.given(model)), strict=True))
    except Exception as error:  # onnxruntime has no common class for what it cannot do
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        message = f"ONNX Runtime cannot run the model: {str(error).strip().splitlines()[0]}"
        double = trained.dtype == np.float64
        remedy = "it has more functions for training.precision: float32" if double else "please report it"
        raise NncliError(message, where=str(trained.run.path), remedy=remedy) from None
    agreement = compare(trained, rows, told)
    with replaced(output) as temporary:
        temporary.write_bytes(content)
    return Exported((output,), f"ONNX Runtime {onnxruntime.__version__}", agreement)


def _numpy(trained: Predictor, model: Model, output: Path) -> Exported:
    weights = output.with_suffix(".npz")
    text, arrays = numpy_model(model, version("nncli"), weights.name)
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **arrays)
    rows = rows_of(trained)
    with tempfile.TemporaryDirectory(prefix="nncli-export-") as folder:
        (Path(folder) / weights.name).write_bytes(packed.getvalue())
        file = Path(folder) / output.name
        file.write_text(text, encoding="utf-8")
        predict = runpy.run_path(str(file))["predict"]
        told: dict[str, Any] = predict(rows.matrix if trained.preprocessing.features.plain else rows.columns)
    agreement = compare(trained, rows, told)
    with replaced(weights) as temporary:
        temporary.write_bytes(packed.getvalue())
    with replaced(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Exported((output, weights), f"NumPy {np.__version__}", agreement)
