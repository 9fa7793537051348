"""TensorBoard: an event file in the run's folder ``tensorboard``, by epoch.

The file is written here and not by TensorBoard's own writer, which writes on a thread where a full disk is an error
that nobody can catch, and loads TensorFlow where that is installed. Its protocol buffers and its record format are
TensorBoard's own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from nncli.trackers.base import Beginning, Row, figures_of

FOLDER = "tensorboard"
MARK = ".nncli"
"""At the end of the names of its files: those of others in the folder are left alone."""
PERIOD = 1.0
"""Seconds between two writes."""
BINS = "bin_"


def problems() -> Iterator[tuple[str, str]]:
    """What keeps it from being used, and the remedy."""
    try:
        import tensorboard
        import tensorboard.compat.proto.event_pb2  # noqa: F401
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "tensorboard"
        message = "tensorboard is not installed" if missing else f"tensorboard cannot be loaded: {error}"
        yield message, "pip install 'nncli[tensorboard]'"


def begin(beginning: Beginning) -> EventFile:
    """A file of all that the run has so far, in place of an earlier one: no curve is there twice, or has a gap."""
    folder = beginning.run.path / FOLDER
    folder.mkdir(exist_ok=True)
    earlier = sorted(folder.glob(f"events.out.tfevents.*{MARK}"))
    # files are read in the order of their names
    number = max([int(time.time()), *(_second(path) + 1 for path in earlier)])
    path = folder / f"events.out.tfevents.{number:010d}{MARK}"
    file = EventFile(path)
    try:
        file.begin(beginning)
    except BaseException:
        file.close()
        raise
    for old in earlier:
        os.truncate(old, 0)  # a TensorBoard that reads it stays with one that it cannot open any more
    return file


class EventFile:
    """The event file at ``path``, which must not exist yet."""

    def __init__(self, path: Path) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        self._metadata = summary_pb2.SummaryMetadata
        self._file = _Pending(path)
        self._records = RecordWriter(self._file)
        self._written = time.monotonic()
        self._last, self._steps = 0, 0
        self._tags: dict[str, str] = {}

    def begin(self, beginning: Beginning) -> None:
        """Write the head, the config, and what there is of the training."""
        now = time.time()
        self._add(now, 0, file_version="brain.Event:2")
        # what an earlier file says is void, also for who has read it already
        self._add(now, 0, session_log={"status": "START"})
        self._config(beginning, now)
        rows = beginning.epochs
        seconds = [float(row.get("seconds") or 0.0) for row in rows]
        for row, since in zip(rows, seconds, strict=True):
            self._epoch(row, now - (seconds[-1] - since))
        by_epoch = {int(row["epoch"] or 0): now - (seconds[-1] - s) for row, s in zip(rows, seconds, strict=True)}
        for row in beginning.distributions:
            self._distribution(row, by_epoch.get(int(row["epoch"] or 0), now))
        self._file.flush()

    def epochs(self, rows: Sequence[Row]) -> None:
        """Add these, and write them if the last write is long enough ago."""
        now = time.time()
        for row in rows:
            self._epoch(row, now)
        if time.monotonic() - self._written >= PERIOD:
            self._file.flush()
            self._written = time.monotonic()

    def distributions(self, rows: Sequence[Row]) -> None:
        """Add a histogram for each."""
        now = time.time()
        for row in rows:
            self._distribution(row, now)

    def end(self, summary: Mapping[str, Any]) -> None:
        """Add the figures of the end, and write all."""
        from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

        now = time.time()
        values = [{"tag": f"result/{name}", "simple_value": value} for name, value in figures_of(summary).items()]
        if values:
            self._add(now, self._last, summary={"value": values})
        good = summary.get("status") in ("completed", "stopped_early", "interrupted")
        status = api_pb2.STATUS_SUCCESS if good else api_pb2.STATUS_FAILURE
        ended = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=now)
        self._hparams("_hparams_/session_end_info", now, session_end_info=ended)
        self._file.flush()

    def close(self) -> None:
        """Close it; what is not written yet is given up."""
        self._file.close()

    def _epoch(self, row: Row, now: float) -> None:
        # one event for all figures: this is most of what a short epoch costs
        summary = self._summary()
        for name, value in row.items():
            if value is not None and name != "epoch":
                summary.value.add(tag=self._tags.get(name) or self._tag(name), simple_value=float(value))
        self._last = int(row["epoch"] or 0)
        self._records.write(self._event(wall_time=now, step=self._last, summary=summary).SerializeToString())

    def _tag(self, name: str) -> str:
        """The figures of one split in one section of the page: ``train/loss``, ``validation/accuracy``."""
        split, _, figure = name.partition("_")
        of_split = split in ("train", "validation") and figure
        return self._tags.setdefault(name, f"{split}/{figure}" if of_split else f"train/{name}")

    def _distribution(self, row: Row, now: float) -> None:
        counts = [float(value or 0) for name, value in row.items() if name.startswith(BINS)]
        low, high = float(row["low"] or 0), float(row["high"] or 0)
        if not (abs(low) < float("inf") and abs(high) < float("inf")):
            return  # a gradient that is not finite has no bins
        width = (high - low) / len(counts)
        if width > 0:
            limits = [low + width * (i + 1) for i in range(len(counts) - 1)] + [high]
        else:
            counts, limits = [sum(counts)], [high]
        middles = [limit - width / 2 for limit in limits]
        histogram = {
            "min": low,
            "max": high,
            "num": sum(counts),
            "sum": sum(n * x for n, x in zip(counts, middles, strict=True)),
            "sum_squares": sum(n * x * x for n, x in zip(counts, middles, strict=True)),
            "bucket_limit": limits,
            "bucket": counts,
        }
        tag = _tag_of(str(row["of"]), str(row["tensor"]))
        self._add(now, int(row["epoch"] or 0), summary={"value": [{"tag": tag, "histo": histogram}]})

    def _config(self, beginning: Beginning, now: float) -> None:
        """The config to be read, and as what TensorBoard tells and sorts runs by."""
        from tensorboard.plugins.hparams import plugin_data_pb2

        text = yaml.safe_dump(dict(beginning.config), sort_keys=False, allow_unicode=True)
        lines = "\n".join(f"    {line}" for line in text.splitlines())
        plugin = self._metadata.PluginData(plugin_name="text")
        tensor = {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": 1}]}, "string_val": [lines.encode()]}
        self._value("config", now, self._metadata(plugin_data=plugin), tensor)
        began = plugin_data_pb2.SessionStartInfo(start_time_secs=now)
        for key, value in beginning.settings.items():
            if isinstance(value, bool):
                began.hparams[key].bool_value = value
            elif isinstance(value, str):
                began.hparams[key].string_value = value
            else:
                began.hparams[key].number_value = value
        self._hparams("_hparams_/session_start_info", now, session_start_info=began)

    def _hparams(self, tag: str, now: float, **content: Any) -> None:
        from tensorboard.plugins.hparams import metadata, plugin_data_pb2

        data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)
        plugin = self._metadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString())
        about = self._metadata(plugin_data=plugin)
        self._value(tag, now, about, {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": 0}]}})

    def _value(self, tag: str, now: float, metadata: Any, tensor: Mapping[str, Any]) -> None:
        self._add(now, 0, summary={"value": [{"tag": tag, "metadata": metadata, "tensor": tensor}]})

    def _add(self, now: float, step: int, **what: Any) -> None:
        self._records.write(self._event(wall_time=now, step=step, **what).SerializeToString())


class _Pending:
    """A file that holds back what it is given until it is told to write it: what fails, fails there."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        self._waiting = bytearray()
        self._open = True

    def write(self, raw: bytes) -> None:
        self._waiting += raw

    def flush(self) -> None:
        while self._waiting:
            del self._waiting[: os.write(self._descriptor, self._waiting)]

    def close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._descriptor)


def _tag_of(of: str, tensor: str) -> str:
    """A tensor and its gradient side by side, and behind the curves: the page sorts its sections by name."""
    return f"weights/{tensor}" if of == "weights" else f"weights/{tensor}.{of.removesuffix('s')}"


def _second(path: Path) -> int:
    """The number in the name of a file of ours."""
    digits = path.name.removesuffix(MARK).rpartition(".")[2]
    return int(digits) if digits.isdecimal() else 0
