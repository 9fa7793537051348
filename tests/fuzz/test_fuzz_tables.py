"""Any text of a table ends in a dataset, or in a refusal that a person can read."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fuzz.fuzzing import counted, fuzzed
from hypothesis import given
from hypothesis import strategies as st

from nncli.data.dataset import Dataset, Part, make_dataset, prepare
from nncli.data.files import read_table

NUMBERS = st.sampled_from(
    [
        *(
            "0",
            "1",
            "-1",
            "+1",
            "1.",
            ".5",
            "1e3",
            "1E+3",
            "-0.0",
            "0x10",
            "1_000",
            "1,5",
            "1e400",
            "-1e400",
            "5e-324",
            "1e-400",
        ),
        *(
            "1e308",
            "-1e308",
            "inf",
            "-Infinity",
            "nan",
            "NA",
            "null",
            "None",
            "true",
            "FALSE",
            "12:30",
            "2020-01-01",
            "1%",
            "$1",
        ),
        *(
            "١",
            "𝟙",
            "½",
            "²",
            "1\u00a0000",
            "9" * 400,
            "18446744073709551616",
            "9223372036854775807",
            "-9223372036854775809",
            "٫5",
        ),
    ]
)
SIGNS = st.sampled_from(
    [
        "",
        " ",
        "  ",
        "\t",
        '"',
        '""',
        '"""',
        "'",
        ",",
        ";",
        "|",
        "\n",
        "\r",
        "\r\n",
        "\0",
        "\ufeff",
        "\u2028",
        "\x1b[31m",
        "\\",
        "#",
    ]
)
WORDS = st.sampled_from(
    ["u", "v", "é", "[red]", "=cmd()", "\u202eabc", "x" * 201, '"a, b"', '"two\nlines"', '"say ""hi"""']
)
SMALL = st.integers(-3, 3).map(str) | st.floats(-5, 5).map(str)
CELLS = st.one_of(SMALL, SMALL, SMALL, NUMBERS, WORDS, SIGNS, st.text(max_size=4))


TRUTH = ["true", "False"]
KINDS = [
    st.integers(-3, 3).map(str),
    st.floats(-5, 5).map(str),
    st.sampled_from("uv"),
    st.sampled_from(["true", "False"]),
]


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """The bytes of a table that is right but for a few cells."""
    if not draw(st.integers(0, 19)):
        return draw(st.binary(max_size=60))
    header = draw(st.sampled_from([["a", "b", "y"], ["a", "b", "y"], ["b", "y", "a"], ["a", "y"]]))
    kinds = [draw(st.sampled_from(KINDS if name == "y" else KINDS[:2])) for name in header]
    lines = [
        list(header),
        *([draw(kind) for kind in kinds] for _ in range(draw(st.sampled_from([0, 1, 4, 8, 8, 12, 12, 20])))),
    ]
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2, 4]))):
        line = draw(st.sampled_from(lines))
        at = draw(st.integers(0, len(line)))
        line[at : at + draw(st.sampled_from([0, 1, 1, 1, 1, 1]))] = [draw(CELLS)]
    separator = draw(st.sampled_from([","] * 20 + [";", "\t", " "]))
    end = draw(st.sampled_from(["\n"] * 10 + ["\r\n"] * 5 + ["\r", "\n\n"]))
    text = end.join(separator.join(line) for line in lines)
    start = draw(st.sampled_from([*[""] * 9, "\ufeff", "\n", "\r\n\n"]))
    close = draw(st.sampled_from(["", end, end * 2]))
    return f"{start}{text}{close}".encode(
        draw(st.sampled_from(["utf-8"] * 20 + ["utf-16", "latin-1"])), errors="replace"
    )


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_any_table_is_a_dataset_or_is_refused(folder: Path) -> None:
    trained: Counter[str] = Counter()
    evaluated: Counter[str] = Counter()

    def one(content: bytes, other: bytes, suffix: str, target: tuple[str, ...], classification: bool | None) -> None:
        path, other_path = folder / f"t{suffix}", folder / f"e{suffix}"
        path.write_bytes(content)
        other_path.write_bytes(other)
        with counted(trained):
            table = read_table(path, target=target, features=None, drop=())
            dataset = make_dataset(table, classification=classification, rng=np.random.default_rng(0))
            assert isinstance(dataset, Dataset)
            assert np.isfinite(dataset.train.inputs).all()
            with counted(evaluated):
                read = read_table(other_path, target=target, features=None, drop=())
                part = prepare(read, dataset.preprocessing, np.float32)
                assert isinstance(part, Part)
                assert np.isfinite(part.inputs).all()

    fuzzed(150)(
        given(
            content=tables(),
            other=tables(),
            suffix=st.sampled_from([".csv"] * 9 + [".tsv"]),
            target=st.sampled_from([("y",)] * 6 + [("a", "y"), ("a",), ("",), ("z",)]),
            classification=st.sampled_from([None, None, None, True, False]),
        )(one)
    )()
    print(f"tables to train on: {dict(trained)}; to evaluate on: {dict(evaluated)}")
    # were all refused, or all taken, the tables would try nothing
    assert trained["accepted"]
    assert trained["refused"]
    assert evaluated["accepted"]
    assert evaluated["refused"]
