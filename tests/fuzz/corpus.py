"""One small right file of each kind that nncli reads, the reader that it is for, and how its inside is sealed again."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import nncli
from nncli.builder import build
from nncli.data.dataset import make_dataset, prepare
from nncli.data.files import read_table
from nncli.data.idx import read_idx_folder
from nncli.evaluation import evaluate, load_run
from nncli.run import State, differences
from nncli.run.tensors import NOTE, OPEN
from nncli.training.trainer import Trainer

Seal = Callable[[bytes], bytes]

CONFIG = """\
name: small
data:
  path: train.csv
  target: kind
  split: {validation: 0.25, test: 0.25}
model:
  layers:
    - {units: 3, activation: tanh, dropout: 0.1, l2: 1e-3}
    - {activation: softmax}
loss: {name: cross_entropy, label_smoothing: 0.1}
optimizer: {name: adam, learning_rate: 1e-2}
schedule: {name: cosine, warmup_epochs: 1}
training: {epochs: 2, batch_size: 4, early_stopping: {patience: 5}, threads: 1}
metrics: [accuracy]
"""


def as_it_is(content: bytes) -> bytes:
    """No seal."""
    return content


@dataclass(frozen=True)
class Reader:
    """What reads one kind of file.

    Attributes:
        path: The file.
        read: Reads it, as a command would.
        forms: What is mutated, and how a file is made of it: the file itself; what is inside, sealed again.
    """

    path: Path
    read: Callable[[], object]
    forms: list[tuple[bytes, Seal]] = field(default_factory=list)

    def with_forms(self, *forms: tuple[bytes, Seal]) -> Reader:
        """With the file as it stands, and ``forms``."""
        return Reader(self.path, self.read, [(self.path.read_bytes(), as_it_is), *self.forms, *forms])


def make(folder: Path) -> dict[str, Reader]:
    """All of them, with their files in ``folder``, by name."""
    return dict([*_data(folder / "data"), *_run(folder)])


def _data(folder: Path) -> Iterator[tuple[str, Reader]]:
    folder.mkdir()
    rng = np.random.default_rng(0)
    n = 24
    frame = pl.DataFrame(
        {
            "a": rng.standard_normal(n).round(3),
            "b": np.arange(n) % 5,
            "a note": ['two "quoted" words', "é, and ü"] * (n // 2),
            "y": ["no", "yes", "perhaps"] * (n // 3),
        }
    )
    text = frame.write_csv().encode()

    def table(
        name: str, content: bytes, target: tuple[str, ...] = ("y",), drop: tuple[str, ...] = ("a note",)
    ) -> Reader:
        path = folder / name
        path.write_bytes(content)

        def read() -> None:
            first = read_table(path, target=target, features=None, drop=drop)
            data = make_dataset(first, rng=np.random.default_rng(0))
            prepare(read_table(path, target=target, features=None, drop=drop), data.preprocessing, np.float32)

        return Reader(path, read)

    yield "csv", table("t.csv", text).with_forms()
    yield "tsv", table("t.tsv", frame.write_csv(separator="\t").encode()).with_forms()
    yield "csv.gz", table("t.csv.gz", gzip.compress(text, mtime=0)).with_forms((text, gzip.compress))
    frame.lazy().sink_csv(folder / "real.csv.zst", compression="zstd")
    packed = (folder / "real.csv.zst").read_bytes()
    yield "csv.zst", table("t.csv.zst", packed).with_forms((text, zstd_frame))
    files = []
    for options in (
        {"compression": "uncompressed"},
        {"compression": "zstd"},
        {"compression": "snappy", "statistics": False},
    ):
        buffer = io.BytesIO()
        frame.write_parquet(buffer, **options)
        files.append((buffer.getvalue(), as_it_is))
    yield "parquet", table("t.parquet", files[0][0]).with_forms(*files[1:])
    for kind, arrays in (
        ("npz", {"X": rng.standard_normal((n, 3)), "y": np.array(["u", "v", "w"] * (n // 3))}),
        ("npz of columns", {"X": np.arange(n, dtype=np.uint8), "y": np.arange(n) % 3}),
    ):
        members = {name: _npy(array) for name, array in arrays.items()}
        archive = zipped(members)
        reader = table(f"{kind}.npz".replace(" ", "_"), archive, (), ())
        forms = [(member, _resealed(members, name)) for name, member in members.items()]
        yield kind, reader.with_forms(*forms)
    yield from _idx(folder)


def _idx(folder: Path) -> Iterator[tuple[str, Reader]]:
    images = np.arange(24 * 6, dtype=np.uint8).tobytes()
    for kind, suffix, seal in (("idx", "", as_it_is), ("idx.gz", ".gz", gzip.compress)):
        place = folder / f"idx{suffix}"
        place.mkdir()
        files = {
            "images-idx3": struct.pack(">4I", 0x803, 24, 2, 3) + images,
            "labels-idx1": struct.pack(">2I", 0x801, 24) + bytes(i % 3 for i in range(24)),
        }
        for part in files:
            (place / f"train-{part}-ubyte{suffix}").write_bytes(seal(files[part]))

        def read(place: Path = place) -> None:
            make_dataset(read_idx_folder(place)[0], rng=np.random.default_rng(0))

        for part, content in files.items():
            forms = [] if seal is as_it_is else [(content, seal)]
            yield f"{kind} {part[:6]}", Reader(place / f"train-{part}-ubyte{suffix}", read).with_forms(*forms)


def _run(folder: Path) -> Iterator[tuple[str, Reader]]:
    rows = [f"{(i * 7 % 11) / 3:.2f},{i % 4},{'big' if i % 3 else 'small'}" for i in range(24)]
    (folder / "train.csv").write_text("\n".join(["length,width,kind", *rows]) + "\n")
    config = folder / "config.yaml"
    config.write_text(CONFIG)
    yield "config.yaml", Reader(config, lambda: nncli.load_config(config)).with_forms()
    run = nncli.train(nncli.load_config(config), directory=folder / "run")
    experiment = build(nncli.load_config(config))
    made_in = run.read_json("environment.json")

    def environment() -> None:
        differences(run.read_json("environment.json"), made_in)
        evaluate(run)

    def checkpoint() -> None:
        trainer = Trainer(experiment)
        for _, found in run.checkpoints().load():
            if not isinstance(found, State):
                raise found
            try:
                trainer.restore(found)
            except ValueError as error:  # which resume tells, and takes the one before
                raise nncli.NncliError(str(error)) from None
            with np.errstate(all="ignore"):
                assert [*trainer.run()][-1].status in ("completed", "stopped_early", "diverged")

    def metrics() -> None:
        run.metrics.rows()

    newest = max((run.path / "checkpoints").iterdir())
    for older in (run.path / "checkpoints").iterdir():
        if older != newest:
            older.unlink()
    weights = run.path / "weights" / f"{run.read_json('summary.json')['weights']}.safetensors"
    readers: list[tuple[str, Path, Callable[[], object]]] = [
        ("run's config.yaml", run.path / "config.yaml", lambda: load_run(run)),
        ("weights", weights, lambda: load_run(run)),
        ("checkpoint", newest, checkpoint),
        ("preprocess.json", run.path / "preprocess.json", lambda: evaluate(run)),
        ("summary.json", run.path / "summary.json", lambda: load_run(run)),
        ("environment.json", run.path / "environment.json", environment),
        ("metrics.csv", run.path / "metrics.csv", metrics),
    ]
    for name, path, read in readers:
        signed = [(path.read_bytes(), sign)] if path.suffix == ".safetensors" else []
        yield name, Reader(path, read).with_forms(*signed)


# -- seals -----------------------------------------------------------------------------------------------------------


def sign(raw: bytes) -> bytes:
    """With the digest that fits, if there is still a place for one: as somebody would who knows the format."""
    start = raw.find(f'"{NOTE}":"'.encode()) + len(f'"{NOTE}":"')
    opened = raw[:start] + OPEN.encode() + raw[start + len(OPEN) :]
    return raw[:start] + hashlib.sha256(opened).hexdigest().encode() + raw[start + len(OPEN) :]


def zstd_frame(content: bytes) -> bytes:
    """A frame of blocks that are not compressed (RFC 8878): a decompressor sees what is inside."""
    blocks = [content[i : i + 1000] for i in range(0, len(content), 1000)] or [b""]
    framed = b"".join(
        (len(block) << 3 | (i == len(blocks) - 1)).to_bytes(3, "little") + block for i, block in enumerate(blocks)
    )
    return b"\x28\xb5\x2f\xfd\x00\x58" + framed


def zipped(members: dict[str, bytes]) -> bytes:
    """An archive, its checksums right."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def _resealed(members: dict[str, bytes], name: str) -> Seal:
    return lambda content: zipped({**members, name: content})


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
