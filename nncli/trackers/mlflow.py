"""MLflow: a run on its server, in its database or in a folder, with parameters, metrics by epoch, tags and files.

The metrics are sent on a thread: a server that is slow, or answers no more, keeps no step waiting.
"""

from __future__ import annotations

import getpass
import logging
import os
import re
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from nncli.errors import NncliError
from nncli.run import MEMBERS, Run
from nncli.trackers.base import Beginning, Row, figures_of, files_of

FILE = "mlflow.json"
"""Where a run keeps which run of MLflow it is, to go on with that one."""
PERIOD = 1.0
"""Seconds between two batches."""
MOST = {"metrics": 1000, "params": 100}
"""Of what MLflow takes in one batch."""
LONGEST = {"key": 250, "param": 6000, "tag": 5000}
"""Characters that it takes."""
NO_TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
"""Nothing is sent to anybody but the server that was named; this is not for the user's settings to change."""
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Of MLflow while we use it, where the user has not set them: a server that is gone is given up after some seconds, not
after minutes; a folder may be used; stdout is ours."""


def problems(said: bool | str) -> Iterator[tuple[str, str]]:
    """What keeps it from being used as the config has ``said``, and the remedy; the server has to answer."""
    if isinstance(said, str) and urlsplit(said).password:
        message = "a password does not go into a config, which is kept with the run"
        yield message, "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        return
    with _settings(), _hushed():
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == "mlflow"
            message = "mlflow is not installed" if missing else f"mlflow cannot be loaded: {error}"
            yield message, "pip install 'nncli[mlflow]'"
            return
        uri = _uri(said, None)
        try:
            MlflowClient(tracking_uri=uri).search_experiments(max_results=1)
        except Exception as error:  # noqa: BLE001  # MLflow, and each of its stores, has exceptions of its own
            remedy = "name another, or train with report.mlflow=false"
            yield f"{_without_password(uri)} cannot be used: {_reason(error)}", remedy


def begin(beginning: Beginning) -> Tracked | None:
    """The run of MLflow that the run has already, or a new one; none for a member of an ensemble that has none."""
    ensemble = _ensemble_of(beginning.run)
    parent = None if ensemble is None else _kept(ensemble)
    if ensemble is not None and parent is None:
        return None  # its tracker failed at the start, and that was said
    held = ExitStack()
    try:
        held.enter_context(_settings())
        with _hushed():
            return Tracked(beginning, parent, held)
    except BaseException:
        held.close()
        raise


class Tracked:
    """A run of MLflow.

    Args:
        beginning: What there is to tell at first.
        parent: What the run of the ensemble keeps in mlflow.json, for a member.
        held: Is closed at the end.
    """

    def __init__(self, beginning: Beginning, parent: Mapping[str, str] | None, held: ExitStack) -> None:
        from mlflow import MlflowClient

        self._run, self._held = beginning.run, held
        kept = _kept(beginning.run)
        uri = _uri(beginning.config["report"]["mlflow"], kept or parent)
        self._client = MlflowClient(tracking_uri=uri)
        found = self._found(kept)
        if found is None:
            self._id = self._new(beginning, parent, uri)
            known, sent = set(), {}
        else:
            self._id = found.info.run_id
            known = set(found.data.params)
            sent = {key: self._last_step(key) for key in found.data.metrics}
            self._client.set_terminated(self._id, "RUNNING")
        self._describe(beginning, known)
        self._columns = {name for row in beginning.epochs[:1] for name in row}
        self._last = 0
        self._sender = _Sender(self._client, self._id)
        began = int(1000 * time.time())
        last = float(beginning.epochs[-1].get("seconds") or 0.0) if beginning.epochs else 0.0
        for row in beginning.epochs:
            self._put(row, began - int(1000 * (last - float(row.get("seconds") or 0.0))), sent)
        self._sent = sent
        self._sender.start()

    def epochs(self, rows: Sequence[Row]) -> None:
        """Have these sent before long."""
        now = int(1000 * time.time())
        for row in rows:
            self._columns.update(row)
            self._put(row, now, self._sent)
        self._sender.refuse_failed()

    def distributions(self, rows: Sequence[Row]) -> None:
        """MLflow knows no histograms; the file that has them is sent at the end."""

    def end(self, summary: Mapping[str, Any]) -> None:
        """Send what is left, the figures of the end, and the files."""
        from mlflow.entities import Metric, RunTag

        self._sender.finish()
        now = int(1000 * time.time())
        figures = {
            f"final_{name}" if name in self._columns else name: value for name, value in figures_of(summary).items()
        }
        for name in ("best_epoch", "parameters", "training_seconds"):
            if isinstance(value := summary.get(name), int | float):
                figures[name] = float(value)
        status = str(summary.get("status"))
        said = {"nncli.status": status, "nncli.task": summary.get("task"), "nncli.problem": summary.get("problem")}
        tags = [RunTag(key, str(value)[: LONGEST["tag"]]) for key, value in said.items() if value]
        metrics = [Metric(_key(name), value, now, self._last) for name, value in figures.items()]
        self._client.log_batch(self._id, metrics=metrics, tags=tags)
        for path in files_of(self._run):
            folder = path.parent.relative_to(self._run.path)
            self._client.log_artifact(self._id, str(path), None if folder == Path() else str(folder))
        ends = {"completed": "FINISHED", "stopped_early": "FINISHED", "interrupted": "KILLED"}
        self._client.set_terminated(self._id, ends.get(status, "FAILED"))

    def close(self) -> None:
        """Let the thread end, and MLflow have its settings back."""
        self._sender.stop()
        self._held.close()

    def _put(self, row: Row, when: int, sent: Mapping[str, int]) -> None:
        """Leave out what MLflow has already: an epoch that is trained again has the bits that it had."""
        from mlflow.entities import Metric

        self._last = epoch = int(row["epoch"] or 0)
        metrics = [
            Metric(key, float(value), when, epoch)
            for name, value in row.items()
            if value is not None and name != "epoch" and sent.get(key := _key(name), -1) < epoch
        ]
        if metrics:
            self._sender.put(metrics)

    def _found(self, kept: Mapping[str, str] | None) -> Any:
        """The run of MLflow that is ``kept``; None if there is none, or it was deleted there."""
        from mlflow.exceptions import MlflowException

        if kept is None:
            return None
        try:
            found = self._client.get_run(kept["run_id"])
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return found if found.info.lifecycle_stage == "active" else None

    def _new(self, beginning: Beginning, parent: Mapping[str, str] | None, uri: str) -> str:
        run = beginning.run
        name = run.path.resolve().name
        tags = {"mlflow.source.name": "nncli", "nncli.run": str(run.path.resolve())}
        with suppress(Exception):  # there need not be one
            tags["mlflow.user"] = getpass.getuser()
        if parent is None:
            experiment = self._experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME") or str(beginning.config["name"]))
        else:
            experiment = parent["experiment_id"]
            tags["mlflow.parentRunId"] = parent["run_id"]
            name = f"{run.path.resolve().parent.parent.name} {name}"
        made = self._client.create_run(experiment, tags=tags, run_name=name)
        run_id = str(made.info.run_id)
        kept = {"tracking_uri": _without_password(uri), "experiment_id": experiment, "run_id": run_id}
        run.write_json(FILE, kept)
        return run_id

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except MlflowException:  # another training made it in the meantime
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _describe(self, beginning: Beginning, known: set[str]) -> None:
        """Send the config. MLflow never lets a parameter change: one that did is a tag beside it."""
        from mlflow.entities import Param, RunTag

        said = {_key(key): str(value)[: LONGEST["param"]] for key, value in beginning.settings.items()}
        params = [Param(key, value) for key, value in said.items() if key not in known]
        for i in range(0, len(params), MOST["params"]):
            self._client.log_batch(self._id, params=params[i : i + MOST["params"]])
        if known:
            before = self._client.get_run(self._id).data.params
            tags = [
                RunTag(f"changed.{key}"[: LONGEST["key"]], value)
                for key, value in said.items()
                if key in known and before[key] != value
            ]
        else:
            data, packages = beginning.made_in.get("data"), beginning.made_in.get("packages")
            version = packages.get("nncli") if isinstance(packages, dict) else None
            tags = [RunTag("nncli.version", str(version)), RunTag("nncli.data", str(data)[: LONGEST["tag"]])]
        self._client.log_batch(self._id, tags=[*tags, RunTag("nncli.status", "running")])

    def _last_step(self, key: str) -> int:
        return max((metric.step for metric in self._client.get_metric_history(self._id, key)), default=-1)


class _Sender:
    """Sends metrics on a thread, a batch a second, and what is left at the end at once."""

    def __init__(self, client: Any, run_id: str) -> None:
        self._client, self._id = client, run_id
        self._waiting: deque[list[Any]] = deque()
        self._finish, self._stop = threading.Event(), threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="nncli-mlflow", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, metrics: list[Any]) -> None:
        """The metrics of an epoch, which are sent together."""
        self._waiting.append(metrics)

    def refuse_failed(self) -> None:
        """Pass on what went wrong on the thread."""
        if self._failure is not None:
            raise self._failure

    def finish(self) -> None:
        """Wait until all is sent."""
        self._finish.set()
        self._thread.join()
        self.refuse_failed()

    def stop(self) -> None:
        """Send nothing more; a request that is under way is not waited for."""
        self._stop.set()
        self._finish.set()

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                ending = self._finish.wait(PERIOD)
                while batch := self._batch():
                    self._client.log_batch(self._id, metrics=batch)
                    if not ending or self._stop.is_set():
                        break
                if ending:
                    return
        except Exception as error:  # noqa: BLE001  # it is raised where the training can be told
            self._failure = error

    def _batch(self) -> list[Any]:
        """As many epochs as fit, none of them in part."""
        batch: list[Any] = []
        while self._waiting and (not batch or len(batch) + len(self._waiting[0]) <= MOST["metrics"]):
            batch += self._waiting.popleft()
        return batch


@contextmanager
def _settings() -> Iterator[None]:
    """Within, MLflow behaves as a guest of a training should."""
    os.environ.update(NO_TELEMETRY)
    ours = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    os.environ.update(ours)
    loggers = [logging.getLogger(name) for name in ("mlflow", "urllib3.connectionpool", "alembic")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)  # what goes wrong is raised, and said once
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
        for name in ours:
            os.environ.pop(name, None)


@contextmanager
def _hushed() -> Iterator[None]:
    """Within, no word of what MLflow, or what it stands on, will do away with: it is not for who trains to change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _uri(said: bool | str, kept: Mapping[str, str] | None) -> str:
    """Where to: what the config says; else what the user has set; else where the run was tracked before."""
    if isinstance(said, str):
        return said
    from mlflow.tracking import get_tracking_uri, is_tracking_uri_set

    return str(get_tracking_uri()) if kept is None or is_tracking_uri_set() else kept["tracking_uri"]


def _ensemble_of(run: Run) -> Run | None:
    """The run of the ensemble that ``run`` is a member of."""
    path = run.path.resolve()
    above = path.parent.parent
    return Run(above) if path.parent.name == MEMBERS and (above / "config.yaml").is_file() else None


def _kept(run: Run) -> dict[str, str] | None:
    """The content of mlflow.json, if there is such a file, and it has what it should."""
    try:
        content = run.read_json(FILE)
    except NncliError:
        return None
    keys = ("tracking_uri", "experiment_id", "run_id")
    return content if all(isinstance(content.get(key), str) for key in keys) else None


def _key(name: str) -> str:
    """A name as MLflow takes it."""
    return re.sub(r"[^\w\-. /:]", "_", name)[: LONGEST["key"]]


def _without_password(uri: str) -> str:
    parts = urlsplit(uri)
    if not parts.password:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _reason(error: Exception) -> str:
    """What is at the bottom of it: that a server is not there is said three exceptions deep."""
    deepest: BaseException = error
    while cause := deepest.__cause__ or deepest.__context__:
        deepest = cause
    if isinstance(deepest, TimeoutError):
        return "it does not answer"
    if isinstance(deepest, OSError) and deepest.strerror:
        return deepest.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
