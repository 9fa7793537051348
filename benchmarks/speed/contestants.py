"""Who takes part, what each needs, and the ways in which each is tried."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from typing import Any

from benchmarks.speed.cases import Case
from benchmarks.speed.material import Material
from benchmarks.speed.peers.base import Contestant

NNCLI, NUMPY_ALONE, PRODUCTS = "nncli", "nncli, NumPy alone", "bare products"


@dataclass(frozen=True)
class Form:
    """A way to run a contestant.

    Attributes:
        label: What it is called in the tables; empty where there is but one.
        settings: Keyword arguments of the contestant's class.
    """

    label: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A contestant as it is entered.

    Attributes:
        name: What it is called.
        code: ``module:class`` in ``peers``.
        needs: The modules that have to be installed.
        tools: The programs that have to be there, any one of them.
        fixed: Keyword arguments of its class, the same in all forms.
        choices: Label -> keyword arguments, of which each is tried.
        threads: Whether it is tried on one thread beside its default.
    """

    name: str
    code: str
    needs: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    fixed: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, dict[str, Any]] = field(default_factory=lambda: {"": {}})
    threads: bool = True

    def missing(self) -> str:
        """What keeps it from taking part here; empty when nothing does."""
        absent = [module for module in self.needs if find_spec(module) is None]
        if absent:
            return f"{' and '.join(absent)} not installed"
        if self.tools and not any(map(shutil.which, self.tools)):
            return f"needs a compiler: {' or '.join(self.tools)}"
        return ""

    def forms(self, case: Case) -> list[Form]:
        """All ways to run it on ``case``; the fastest counts."""
        threads: dict[str, dict[str, Any]] = {"": {}}
        if self.threads:
            threads = {"default threads": {"threads": None}}
            if case.one_thread:
                threads["one thread"] = {"threads": 1}
        return [
            Form(", ".join(filter(None, (label, count))), self.fixed | choice | number)
            for (label, choice), (count, number) in product(self.choices.items(), threads.items())
        ]

    def make(self, material: Material, form: Form) -> Contestant:
        """Bring it to the line. Imports its framework."""
        module, name = self.code.split(":")
        made: Contestant = getattr(import_module(f"benchmarks.speed.peers.{module}"), name)(material, **form.settings)
        return made


def _ours(kernels: str) -> dict[str, dict[str, Any]]:
    """The threads that nncli chooses by itself, and those that BLAS has by default, as other libraries take them."""
    all_cores = (kernels, "training.shards=1", f"training.threads={os.cpu_count() or 1}")
    return {"as it chooses": {"overrides": (kernels,)}, "BLAS on all cores": {"overrides": all_cores}}


DISPATCH = {"asynchronous": {"asynchronous": True}, "synchronous": {"asynchronous": False}}

ENTRIES = {
    entry.name: entry
    for entry in (
        Entry(PRODUCTS, "products:Products"),
        Entry(NNCLI, "ours:Nncli", needs=("numba",), threads=False, choices=_ours("training.kernels=numba")),
        Entry(NUMPY_ALONE, "ours:Nncli", threads=False, choices=_ours("training.kernels=numpy")),
        Entry("scikit-learn", "scikit:ScikitLearn", needs=("sklearn",)),
        Entry("PyTorch eager", "pytorch:Eager", needs=("torch",)),
        Entry(
            "PyTorch compiled",
            "pytorch:Compiled",
            needs=("torch",),
            tools=("c++", "g++", "clang++", "cl"),
            choices={"update fused": {}, "update compiled": {"update": True}},
        ),
        Entry("JAX step", "jaxes:Step", needs=("jax",), choices=DISPATCH),
        Entry("JAX scan", "jaxes:Scan", needs=("jax",), choices=DISPATCH),
        Entry(
            "Keras",
            "kerases:Keras",
            needs=("keras", "tensorflow"),
            choices={
                "as it is": {},
                "jit_compile": {"jit_compile": True},
                "32 steps an execution": {"steps_per_execution": 32},
            },
        ),
    )
}
