"""What comes from strangers stays on its line, and says no more than it says."""

from __future__ import annotations

import doctest

import pytest

from nncli import text
from nncli.errors import NncliError, Problem
from nncli.text import LONGEST, abridged, printable


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a name", "a name"),
        ("größe, 身長, ×, שם", "größe, 身長, ×, שם"),  # letters stay, also those that are written from the right
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31mred", r"\x9b31mred"),  # the same in one byte, to some terminals
        ("over\rwritten", r"over\rwritten"),
        ("two\nlines", r"two\nlines"),
        ("two\u2028lines", r"two\u2028lines"),
        ("safe\u202egnp.exe", r"safe\u202egnp.exe"),  # would read safeexe.png
        ("in\u200bvisible", r"in\u200bvisible"),
        ("\udcff", r"\udcff"),  # a byte of a file's name that is no UTF-8
        ("\0", r"\x00"),
    ],
)
def test_what_could_deceive_is_spelled_out(given: str, shown: str) -> None:
    assert printable(given) == shown


def test_a_name_looks_the_same_with_quotes_and_without() -> None:
    for code in range(0x3000):
        if chr(code) not in "'\\":
            assert f"'{printable(chr(code))}'" == repr(chr(code))


def test_every_part_of_a_problem_is_spelled_out_and_a_problem_is_one_line() -> None:
    error = NncliError([Problem("bad \x1b[2J", "fi\nle", "do \u202e"), Problem("b\x07")])
    assert str(error) == "fi\\nle: bad \\x1b[2J; do \\u202e\nb\\x07"


def test_a_message_that_nobody_would_read_to_its_end_is_abridged() -> None:
    assert abridged("x" * LONGEST) == "x" * LONGEST
    assert len(abridged("x" * 10**6)) < LONGEST
    assert len(str(Problem("x" * 10**6, "y" * 10**6, "z" * 10**6))) < 3 * LONGEST + 10


def test_the_examples_are_right() -> None:
    assert doctest.testmod(text).failed == 0
