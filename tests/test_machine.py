"""What the machine tells, and what is made of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nncli import machine

ZEN_4 = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9354
flags\t\t: fpu avx avx2 fma avx512f avx512vl

processor\t: 1
vendor_id\t: SomebodyElse
"""


@pytest.mark.parametrize(
    ("told", "chosen"),
    [
        (ZEN_4, "Haswell"),
        (ZEN_4.replace("avx512f avx512vl", ""), None),  # Zen 3
        (ZEN_4.replace(": 25", ": 26"), None),  # Zen 5 does 512 bits at once
        (ZEN_4.replace("AuthenticAMD", "GenuineIntel"), None),
        ("", None),
        ("no colon\n: no key\n", None),
    ],
)
def test_products_of_openblas_are_chosen_for_zen_4_alone(
    told: str, chosen: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr(machine, "PROCESSOR", tmp_path / "cpuinfo")
    monkeypatch.setattr(os, "environ", {})
    machine.choose_products()
    assert os.environ.get("OPENBLAS_CORETYPE") == chosen


def test_what_the_user_chose_for_openblas_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text(ZEN_4)
    monkeypatch.setattr(machine, "PROCESSOR", tmp_path / "cpuinfo")
    monkeypatch.setattr(os, "environ", {"OPENBLAS_CORETYPE": "SkylakeX"})
    machine.choose_products()
    assert os.environ == {"OPENBLAS_CORETYPE": "SkylakeX"}


def test_where_nobody_tells_of_the_processor_nothing_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PROCESSOR", tmp_path / "not there")
    monkeypatch.setattr(os, "environ", {})
    machine.choose_products()
    assert machine.processor() == {}
    assert os.environ == {}
