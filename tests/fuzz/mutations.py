"""Bytes that were right, made wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

NUMBERS = (0, 1, -1, 127, 128, 255, 256, 2**15, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1)
TOKENS = (
    *(
        b"1e400",
        b"-1e400",
        b"NaN",
        b"Infinity",
        b"-1",
        b"0",
        b"1e-400",
        b"9" * 5000,
        b"1_000",
        b"0x10",
        b"12:30",
        b"-0",
    ),
    *(
        b"null",
        b"true",
        b"[]",
        b"{}",
        b'""',
        b"''",
        b"[" * 50,
        b"{a: " * 50,
        b"- ",
        b"? ",
        b"*a",
        b"&a ",
        b"!!python/x ",
    ),
    *(
        b"\0",
        b"\t",
        b"\r",
        b"\n",
        b"\n\n",
        b"\r\n",
        b",",
        b";",
        b'"',
        b"'",
        b":",
        b"#",
        b"---\n",
        b"...\n",
        b"<<: ",
        b"\\",
    ),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", "é".encode(), "\u202e".encode(), "\u2028".encode()),
    *(
        b"\x1b[31m",
        b"\x9b",
        b"[red]",
        b"[/]",
        b"=cmd()",
        b"\\u0000",
        b"\\ud800",
        "𝟙".encode(),
        "١".encode(),
        b"x" * 3000,
    ),
)
NUMBER = re.compile(rb"-?\d[\d.eE+-]*")
WORD = re.compile(rb"\w+")


def mutated(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """``content`` after a few changes; ``others`` are files that pieces are taken from."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        content = rng.choice(MUTATIONS)(content, others, rng)
    return content


def _cut(content: bytes, rng: Random) -> tuple[int, int]:
    """Where a piece begins and ends: mostly a short one."""
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.choice((0, 1, 1, 2, 4, 8, 50, 1000)))


def flip(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """A bit, or a whole byte, is another."""
    if not content:
        return content
    i = rng.randrange(len(content))
    return (
        content[:i]
        + bytes([content[i] ^ rng.choice((1 << rng.randrange(8), rng.randrange(1, 256)))])
        + content[i + 1 :]
    )


def insert(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """Something comes between."""
    i = rng.randrange(len(content) + 1)
    return content[:i] + rng.choice((rng.randbytes(rng.randrange(1, 9)), rng.choice(TOKENS))) + content[i:]


def delete(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """A piece is gone."""
    start, end = _cut(content, rng)
    return content[:start] + content[end:]


def duplicate(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """A piece is there several times."""
    start, end = _cut(content, rng)
    return content[:start] + content[start:end] * rng.choice((2, 2, 3, 100)) + content[end:]


def truncate(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """The end is gone."""
    return content[: rng.randrange(len(content) + 1)]


def splice(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """A piece of another file takes the place of one."""
    start, end = _cut(content, rng)
    other = rng.choice(others)
    a, b = _cut(other, rng)
    return content[:start] + other[a:b] + content[end:]


def number(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """A number at the edge of what its bytes can hold takes the place of some."""
    size, i = rng.choice((1, 2, 4, 8)), rng.randrange(len(content) + 1)
    value = rng.choice(NUMBERS) % 256**size
    return content[:i] + value.to_bytes(size, rng.choice(("little", "big"))) + content[i + size :]


def token(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """A number or word of a text gives way to something odd."""
    found = list(rng.choice((NUMBER, WORD)).finditer(content))
    if not found:
        return content
    match = rng.choice(found)
    return content[: match.start()] + rng.choice(TOKENS) + content[match.end() :]


MUTATIONS: tuple[Callable[[bytes, Sequence[bytes], Random], bytes], ...] = (
    *(flip, insert, delete, duplicate, truncate, splice, number, token),
)
