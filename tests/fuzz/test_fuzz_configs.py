"""Any config ends in a config or in a refusal that a person can read, and soon; any training in a run or a refusal."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzz.configs import OVERRIDES, broken, small, texts
from fuzz.fuzzing import counted, fuzzed
from hypothesis import given

import nncli
from nncli.config.schema import Config

SLOW = 5
"""Seconds of the processor that no config should take: on a machine with other work, those of a clock say nothing."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_any_text_is_a_config_or_is_refused(folder: Path) -> None:
    ends: Counter[str] = Counter()
    path = folder / "c.yaml"

    def one(text: str, overrides: list[str]) -> None:
        path.write_bytes(text.encode(errors="surrogatepass"))
        began = time.process_time()
        with counted(ends):
            assert isinstance(nncli.load_config(path, overrides), Config)
        assert time.process_time() - began < SLOW

    fuzzed(100)(given(text=texts(), overrides=OVERRIDES)(one))()
    print(f"configs: {dict(ends)}")
    # were all refused, or all taken, they would try nothing
    assert ends["accepted"]
    assert ends["refused"]


TABLE = """\
a,b,c,k,l,y
1,0.5,u,1,0,0.1
2,-1e9,v,0,0,2
-3,0,u,1,1,-7
4,1e-9,v,0,1,3.5
0,2,u,1,0,0
6,2,v,1,1,1
7,9,u,0,0,12
8,3,v,1,0,-2
"""


def test_any_training_ends_in_a_run_or_is_refused(folder: Path) -> None:
    ends: Counter[str] = Counter()
    (folder / "t.csv").write_text(TABLE)

    def one(config: Any) -> None:
        (folder / "t.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))
        shutil.rmtree(folder / "run", ignore_errors=True)
        with counted(ends):
            loaded = nncli.load_config(folder / "t.yaml")
            if loaded.training.epochs > 2 or getattr(loaded.data.source, "n_samples", 0) > 1000:
                return
            run = nncli.train(loaded, directory=folder / "run")
            assert run.read_json("summary.json")["status"] in ("completed", "stopped_early")
            nncli.load_config(run.path / "config.yaml")
            ends["trained"] += 1

    fuzzed(40)(given(config=small() | broken(small()))(one))()
    print(f"trainings: {dict(ends)}")
    assert ends["trained"]
    assert ends["refused"]
