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


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """The bytes of a table that is more or less one."""
    if not draw(st.integers(0, 9)):
        return draw(
            st.binary(max_size=60)
            | st.lists(CELLS, max_size=30).map("".join).map(lambda text: text.encode(errors="replace"))
        )
    header = draw(
        st.sampled_from([["a", "b", "y"], ["b", "a", "y"], ["a", "y"], ["a", "a", "y"], ["a", "", "y"]])
        | st.lists(CELLS)
    )
    # most columns are of one kind, so that some tables are right
    kinds = [draw(st.sampled_from([SMALL, SMALL, NUMBERS, WORDS.filter(str.isalnum), CELLS])) for _ in header]
    rows = [[draw(kind) for kind in kinds] for _ in range(draw(st.integers(0, 8)))]
    if rows and draw(st.integers(0, 4)) == 0:
        row = draw(st.sampled_from(rows))
        row.append(draw(CELLS)) if draw(st.booleans()) else row.clear()
    separator = draw(st.sampled_from([",", ",", ",", ",", ";", "\t", " "]))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n"]))
    text = end.join(separator.join(line) for line in [header, *rows])
    text = draw(st.sampled_from(["", "", "\ufeff", "\n", "\r\n\n"])) + text + draw(st.sampled_from(["", end, end * 2]))
    return text.encode(draw(st.sampled_from(["utf-8"] * 6 + ["utf-16", "latin-1"])), errors="replace")


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
            suffix=st.sampled_from([".csv", ".csv", ".tsv"]),
            target=st.sampled_from([("y",), ("y",), ("a", "y"), ("a",), ("",), ("z",)]),
            classification=st.sampled_from([None, True, False]),
        )(one)
    )()
    print(f"tables to train on: {dict(trained)}; to evaluate on: {dict(evaluated)}")
    # were all refused, or all taken, the tables would try nothing
    assert trained["accepted"]
    assert trained["refused"]
    assert evaluated["accepted"]
    assert evaluated["refused"]
