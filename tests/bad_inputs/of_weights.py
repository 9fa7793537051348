"""Weights and checkpoints that are damaged, foreign, or made to harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from bad_inputs.row import Change, Row, bends, both, edits, gone, large, link, pipe, trains, writes

from nncli.run import Run, State, digest_of

LAST = "run/weights/last.safetensors"
CHECKPOINTS = [f"run/checkpoints/00000{i}.safetensors" for i in (3, 4)]


def weights(name: str, change: Change, says: str, code: int = 2, prints: str = "") -> Row:
    """Something in place of the weights that the run is evaluated with."""
    return Row(name, change, "evaluate run", says, code, prints)


def flip(place: int) -> Any:
    """One bit of the byte at ``place``."""

    def bend(raw: bytes) -> bytes:
        i = place % len(raw)
        return raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :]

    return bend


def saved(alter: Any, *, digest: bool = True) -> Change:
    """Weights as nncli writes them, after ``alter`` had them; and, if so, the digest in summary.json."""

    def change() -> None:
        run = Run(Path("run"))
        tensors = alter({name: array.copy() for name, array in run.load_weights("last").items()})
        run.save_weights("last", tensors)
        if digest:
            summary = json.loads(Path("run/summary.json").read_text())
            summary["digests"]["last"] = digest_of(tensors)
            Path("run/summary.json").write_text(json.dumps(summary))

    return change


def foreign(name: str, tensors: dict[str, Any]) -> Change:
    """A safetensors file that another program wrote."""

    def change() -> None:
        from safetensors.numpy import save_file

        save_file(tensors, name)

    return change


def with_nan(tensors: dict[str, Any]) -> dict[str, Any]:
    """One weight that is no number."""
    tensors["layers.0.weight"][0, 0] = np.nan
    return tensors


def header(length: int, content: bytes) -> bytes:
    """A file that declares so long a header."""
    return length.to_bytes(8, "little") + content


def stranger(*path: str, value: Any, name: str = "run") -> Change:
    """Checkpoints as nncli writes them, with another value among their numbers; and a run that is not complete."""

    def change() -> None:
        checkpoints = Run(Path(name)).checkpoints(keep=1)
        _, state = next(iter(checkpoints.load()))
        assert isinstance(state, State)
        numbers = inside = json.loads(json.dumps(state.numbers))
        for key in path[:-1]:
            inside = inside[key]
        assert path[-1] in inside
        inside[path[-1]] = value
        checkpoints.save(State(state.vectors, numbers))

    return both(edits(f"{name}/summary.json", '"completed"', '"running"'), change)


def at_all_checkpoints(change: Any) -> Change:
    """The same to each of them, and a run that is not complete."""
    return both(edits("run/summary.json", '"completed"', '"running"'), *(change(name) for name in CHECKPOINTS))


ANEW = (
    "warning: there is no checkpoint to go on from: the training goes its way again, from the beginning\n"
    "classification: ..."
)
HUGE = json.dumps({"x": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()

ROWS = [
    weights(
        "weights that are cut off",
        bends(LAST, lambda raw: raw[:-1]),
        (
            "run/weights/last.safetensors: is damaged: its content does not match its digest; nncli "
            "resume run writes it again"
        ),
    ),
    weights(
        "weights cut off in their header",
        bends(LAST, lambda raw: raw[:20]),
        ("run/weights/last.safetensors: is damaged, or was not written by nncli (its header does not end); ..."),
    ),
    weights(
        "empty weights",
        writes(LAST, ""),
        ("run/weights/last.safetensors: is damaged, or was not written by nncli (its header does not end); ..."),
    ),
    weights(
        "weights with a byte more",
        bends(LAST, lambda raw: raw + b"\0"),
        (
            "run/weights/last.safetensors: is damaged: its content does not match its digest; nncli "
            "resume run writes it again"
        ),
    ),
    weights(
        "a flipped bit in a weight",
        bends(LAST, flip(-1)),
        (
            "run/weights/last.safetensors: is damaged: its content does not match its digest; nncli "
            "resume run writes it again"
        ),
    ),
    weights(
        "a flipped bit in the header",
        bends(LAST, flip(30)),
        (
            "run/weights/last.safetensors: is damaged, or was not written by nncli (it has no digest); "
            "nncli resume run writes it again"
        ),
    ),
    weights(
        "a flipped bit in the header's length",
        bends(LAST, flip(0)),
        (
            "run/weights/last.safetensors: is damaged: its content does not match its digest; nncli "
            "resume run writes it again"
        ),
    ),
    weights(
        "weights that another program wrote",
        foreign(LAST, {"w": np.zeros(3, np.float32)}),
        (
            "run/weights/last.safetensors: is damaged, or was not written by nncli (it has no digest); "
            "nncli resume run writes it again"
        ),
    ),
    weights(
        "weights that are no safetensors",
        writes(LAST, b"\x80\x04\x95" + bytes(100)),
        ("run/weights/last.safetensors: is damaged, or was not written by nncli (its header does not end); ..."),
    ),
    weights(
        "weights with a header of 2^42 bytes",
        writes(LAST, header(2**42, b"{}")),
        ("run/weights/last.safetensors: is damaged, or was not written by nncli (its header does not end); ..."),
    ),
    weights(
        "weights that declare 2^42 bytes",
        writes(LAST, header(len(HUGE), HUGE)),
        (
            "run/weights/last.safetensors: is damaged, or was not written by nncli (it has no digest); "
            "nncli resume run writes it again"
        ),
    ),
    weights(
        "weights with a header nested 100,000 deep",
        writes(LAST, header(200_000, b"[" * 200_000)),
        (
            "run/weights/last.safetensors: is damaged, or was not written by nncli (it has no digest); "
            "nncli resume run writes it again"
        ),
    ),
    weights(
        "a checkpoint in place of weights",
        lambda: Path(CHECKPOINTS[-1]).rename(LAST),
        (
            "run/weights/last.safetensors: is of kind 'nncli-checkpoint-1', and not 'nncli-weights-1'; "
            "nncli resume run writes it again"
        ),
    ),
    weights(
        "weights of another training",
        saved(lambda t: {name: array + 1 for name, array in t.items()}, digest=False),
        "run: its weights are not those that it was trained to; nncli resume run writes them again",
    ),
    weights(
        "weights of another width",
        both(edits("run/config.yaml", "units: 4", "units: 5")),
        "run: its weights are of another network than its config; train again",
    ),
    weights(
        "weights with another tensor",
        saved(lambda t: {**t, "layers.9.weight": np.zeros(2, np.float32)}),
        "run: its weights are of another network than its config; train again",
    ),
    weights(
        "weights without a tensor",
        saved(lambda t: {n: a for n, a in t.items() if n != "layers.0.bias"}),
        "run: its weights are of another network than its config; train again",
    ),
    weights(
        "weights of another precision",
        saved(lambda t: {n: a.astype(np.float64) for n, a in t.items()}),
        "run: layers.0.weight is of float64, and its config asks for float32; train again",
    ),
    weights(
        "weights of whole numbers",
        saved(lambda t: {n: a.astype(np.int32) for n, a in t.items()}),
        "run: layers.0.weight is of int32, and its config asks for float32; train again",
    ),
    weights(
        "weights that are no numbers", saved(with_nan), "run: layers.0.weight holds what is not finite; train again"
    ),
    weights(
        "no weights",
        gone(LAST),
        ("run/weights/last.safetensors: cannot read it: No such file or directory; nncli resume run writes it again"),
    ),
    weights(
        "weights of 1 TB",
        large(LAST),
        ("run/weights/last.safetensors: is too large (1.1 TB) to be read: this ... GB; ..."),
    ),
    weights(
        "weights of 2 TB",
        large(LAST, 2**41),
        (
            "run/weights/last.safetensors: is larger (2,199,023,255,552 bytes) than it can be "
            "(1,099,511,627,776 bytes); nncli resume run writes it again"
        ),
    ),
    weights(
        "weights that are a pipe",
        pipe(LAST),
        "run/weights/last.safetensors: is a pipe, not a file; nncli resume run writes it again",
    ),
    weights(
        "weights that are a link",
        link(LAST, "last.safetensors.moved"),
        "run/weights/last.safetensors: is a link; nncli resume run writes it again",
    ),
    weights(
        "weights that are a folder",
        both(gone(LAST), lambda: Path(LAST).mkdir()),
        ("run/weights/last.safetensors: cannot read it: Is a directory; nncli resume run writes it again"),
    ),
    weights(
        "a weights folder that is a link",
        link("run/weights", "weights.moved"),
        "run/weights: is a link; a run keeps all of it in itself",
    ),
    Row(
        "damaged weights of a complete run are written again",
        bends(LAST, flip(-1)),
        "resume run --quiet",
        "",
        0,
        "completed after 3 epochs...",
    ),
    Row(
        "all checkpoints cut off",
        at_all_checkpoints(lambda name: bends(name, lambda raw: raw[:-1])),
        "resume run",
        (
            "warning: run/checkpoints/000004.safetensors: is damaged: its content does not match its "
            "digest; what lies before it is tried\n"
            "warning: run/checkpoints/000003.safetensors: is damaged: its content does not match its "
            "digest; what lies before it is tried\n"
            "warning: there is no checkpoint to go on from: the training goes its way again, from the "
            "beginning\n"
            "classification: ..."
        ),
        0,
        "completed after 3 epochs...",
    ),
    Row(
        "all checkpoints with a flipped bit",
        at_all_checkpoints(lambda name: bends(name, flip(-1))),
        "resume run",
        (
            "warning: run/checkpoints/000004.safetensors: is damaged: its content does not match its "
            "digest; what lies before it is tried\n"
            "warning: run/checkpoints/000003.safetensors: is damaged: its content does not match its "
            "digest; what lies before it is tried\n"
            "warning: there is no checkpoint to go on from: the training goes its way again, from the "
            "beginning\n"
            "classification: ..."
        ),
        0,
        "completed after 3 epochs...",
    ),
    Row(
        "the newest checkpoint is damaged",
        both(edits("run/summary.json", '"completed"', '"running"'), bends(CHECKPOINTS[-1], flip(-1))),
        "resume run",
        (
            "warning: run/checkpoints/000004.safetensors: is damaged: its content does not match its "
            "digest; what lies before it is tried\n"
            "classification: ..."
        ),
        0,
        "completed after 3 epochs...",
    ),
    Row(
        "weights in place of all checkpoints",
        at_all_checkpoints(lambda name: lambda: Path(name).write_bytes(Path(LAST).read_bytes())),
        "resume run",
        (
            "warning: run/checkpoints/000004.safetensors: is of kind 'nncli-weights-1', and not "
            "'nncli-checkpoint-1'; what lies before it is tried\n"
            "warning: run/checkpoints/000003.safetensors: is of kind 'nncli-weights-1', and not "
            "'nncli-checkpoint-1'; what lies before it is tried\n"
            "warning: there is no checkpoint to go on from: the training goes its way again, from the "
            "beginning\n"
            "classification: ..."
        ),
        0,
        "completed after 3 epochs...",
    ),
    Row(
        "a checkpoints folder that is a link",
        both(edits("run/summary.json", '"completed"', '"running"'), link("run/checkpoints", "checkpoints.moved")),
        "resume run",
        "run/checkpoints: is a link; a run keeps its checkpoints itself",
    ),
    *(
        Row(
            f"a checkpoint with {what}",
            stranger(*path, value=value),
            "resume run",
            f"warning: run/checkpoints/000005.safetensors: does not fit: {says}; what lies before it is tried\n{ANEW}",
            0,
            "completed after 3 epochs...",
        )
        for what, path, value, says in [
            ("an epoch of text", ("epoch",), "3", "epoch is '3'"),
            ("a negative epoch", ("epoch",), -1, "epoch is -1"),
            ("an epoch of 10^30", ("epoch",), 10**30, f"epoch is {10**30}"),
            ("half an epoch", ("epoch",), 1.5, "epoch is 1.5"),
            ("seconds of text", ("seconds",), "long", "seconds is 'long'"),
            ("batches of text", ("pass", "batches"), "3", "batches is '3'"),
            ("negative batches", ("pass", "batches"), -3, "batches is -3"),
            ("10^9 batches", ("pass", "batches"), 10**9, "0 rows are not in 1000000000 batches"),
            ("no pass", ("pass",), None, "pass is None"),
            ("steps in a list", ("descent", "steps"), [1], "steps is [1]"),
            ("a rate of text", ("descent", "rate"), "0.01", "rate is '0.01'"),
            ("a memory that is a list", ("descent", "memory"), [1, 2], "memory is [1, 2]"),
            ("a monitor of text", ("monitor",), "best", "monitor is 'best'"),
            ("a best value of text", ("monitor", "best"), "low", "best is 'low'"),
            ("a best epoch of text", ("monitor", "best_epoch"), "1", "best_epoch is '1'"),
            ("noise where nothing is random", ("noise",), "x", "noise is 'x'"),
        ]
    ),
    *(
        Row(
            f"a checkpoint of a network with dropout has {what}",
            both(trains("model.layers.0.dropout=0.5"), stranger(*path, value=value, name="other")),
            "resume other",
            (
                "warning: other/checkpoints/000005.safetensors: does not fit: "
                f"{says}; what lies before it is tried\n{ANEW}"
            ),
            0,
            "completed after 3 epochs...",
        )
        for what, path, value, says in [
            ("no noise", ("noise",), None, "noise is None"),
            ("noise of text", ("noise", "state", "state"), "x", "state is 'x'"),
            ("noise of 200 bits", ("noise", "state", "state"), str(2**200), "state is '1606..."),
            ("noise that is negative", ("noise", "uinteger"), -1, "uinteger is -1"),
            ("noise of another kind", ("noise", "state"), {"state": "1"}, "state does not say inc"),
        ]
    ),
]
