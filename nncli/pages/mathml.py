"""The formulas of the engine's pieces, which are written in lines of Unicode, as MathML that browsers typeset.

``read`` cuts a formula into its clauses, ``a = f(z), f(z) = max(z, 0)``, so that a line can end between them. What is
a fraction, an index or a power is set as one; nothing is left out but the signs that said so: ``/`` and the
parentheses around a numerator or a denominator, ``_`` and ``^``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup, escape

INDEX = r"\{[^}]*\}|rows(?![a-z])|\d+|[a-z]{1,2}\d?(?:−\d)?(?:,[a-z](?:_[a-z])?)?(?![a-z])"
"""What may stand behind ``_``: ij, i1, t−1, i,y_i. Longer words belong to the name, as in label_smoothing."""
TOKEN = re.compile(
    rf"(?P<number>\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
    rf"|(?P<name>(?:[A-Za-z]+(?:_(?!rows)[a-z]{{3,}})*|[Α-ΡΤ-Ωα-ωϵ])[\u0302\u0304]?)(?P<digits>\d*|[₀-₉]+)(?:_(?P<index>{INDEX}))?"
    rf"|(?P<sum>Σ)(?:_(?P<over>{INDEX}))?"
    r"|(?P<power>[²³¹⁻ᵀᵗ]+|\^(?=[\w(⌊])|')"
    r"|(?P<dots>\.{2,3})"
    r"|(?P<sign>\S)"
)
RAISED = str.maketrans("²³¹⁻ᵀᵗ", "231−Tt")
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
OPENING, CLOSING = "([{⌊", ")]}⌋"
BARS = "|‖"
MARKS = {"\u0302": "^", "\u0304": "¯"}
APPLIED_BARE = "log"
"""The one function whose argument may stand without parentheses."""
FUNCTIONS = frozenset({"log", "cos", "sin"})
"""Those that are named without an argument."""


def read(formula: str) -> Markup:
    """``formula`` for a page: a ``math`` element for each clause, and its words where a clause has nothing else.

    >>> print(read("z, no activation"))
    <math displaystyle="true"><mi>z</mi></math>, no activation
    """
    parts = []
    for clause, end in _clauses(formula):
        plain = not re.search(r"[^A-Za-z ]|\b[A-Za-z]\b", clause)
        parts.append(escape(clause) if plain else read_clause(clause))
        parts.append(escape(end))
    return Markup("").join(parts)


def read_clause(clause: str) -> Markup:
    """One ``math`` element."""
    tokens = [
        _Token(found, spaced=found.start() > 0 and clause[found.start() - 1].isspace())
        for found in TOKEN.finditer(clause)
    ]
    row = _Reader(tokens).row()
    return Markup('<math displaystyle="true">{}</math>').format(Markup(row))  # noqa: S704 - all of it is escaped


def longest_clause(formula: str) -> int:
    """Characters of the clause that takes most room."""
    return max((len(clause) for clause, _ in _clauses(formula)), default=0)


def _clauses(formula: str) -> list[tuple[str, str]]:
    """The clauses, each with what ends it: commas and semicolons outside of all brackets, with a space behind them."""
    found, begin, depth = [], 0, 0
    for i, c in enumerate(formula):
        depth += (c in OPENING) - (c in CLOSING)
        if depth == 0 and c in ",;" and formula[i + 1 : i + 2] == " " and i + 1 > begin:
            found.append((formula[begin:i], f"{c} "))
            begin = i + 1 + len(formula[i + 1 :]) - len(formula[i + 1 :].lstrip())
    return [*found, (formula[begin:], "")]


class _Token(NamedTuple):
    found: re.Match[str]
    spaced: bool
    """Whether a space stands in front of it."""

    @property
    def text(self) -> str:
        return self.found.group()

    def has(self, group: str) -> bool:
        return bool(self.found.group(group))


@dataclass(frozen=True)
class _Piece:
    """MathML, and the same without its parentheses where nothing but a pair of them is around it."""

    xml: str
    bare: str = ""
    word: bool = False

    @property
    def inside(self) -> str:
        return self.bare or self.xml


class _Reader:
    """Reads tokens from the first to the last."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens, self._at = tokens, 0

    def row(self, until: str = "") -> str:
        """What stands side by side, up to a closing sign ``until``, which is read, too."""
        xml: list[str] = []
        before: _Piece | None = None  # what has no space of its own at its end
        while token := self._peek():
            if until and token.text == until:
                self._at += 1
                break
            if token.has("sum"):
                self._at += 1
                if token.spaced and before is not None:
                    xml.append(_space(word=before.word))
                xml.append(_sum(token))
                before = _Piece("", word=True) if self._is_prose_ahead() else None
                continue
            if token.has("sign") and token.text not in OPENING + BARS + "√∂½∞":
                self._at += 1
                xml.append(self._sign(token, first=not xml))
                before = None
                continue
            piece = self._fraction()
            if token.spaced and before is not None:
                xml.append(_space(word=before.word or piece.word))
            xml.append(piece.xml)
            before = piece
        return _group(xml)

    def _sign(self, token: _Token, first: bool) -> str:
        following = self._peek()
        if token.text == "·":  # between matrices with a space on both sides, between numbers with none
            room = ".28em" if token.spaced else ".1em"
            return f'<mo lspace="{room}" rspace="{room}">·</mo>'
        if token.text == "−" and following is not None and not following.spaced and (first or not token.spaced):
            return '<mo form="prefix">−</mo>'
        if token.text == "−" and following is not None and not following.spaced:
            return '<mo form="prefix" lspace=".28em">−</mo>'
        if token.text in ",;":
            return f'<mo separator="true" rspace=".28em">{token.text}</mo>'
        if token.text == ":":
            return '<mo lspace="0" rspace=".4em">:</mo>'
        return f"<mo>{escape(token.text)}</mo>"

    def _fraction(self) -> _Piece:
        piece = self._power()
        while (token := self._peek()) and token.text == "/":
            self._at += 1
            below = self._peek()
            if below is not None and below.has("sum"):
                self._at += 1
                denominator = _group([_sum(below), self._power().xml])
            else:
                denominator = self._power().inside
            piece = _Piece(f"<mfrac>{piece.inside}{denominator}</mfrac>")
        return piece

    def _power(self) -> _Piece:
        """Something with its powers; a function with its argument; a number and the name that it multiplies."""
        token = self._next()
        if token is None:
            return _Piece("<mrow></mrow>")
        text = token.text
        if text in OPENING:
            inside = self.row(until=CLOSING[OPENING.index(text)])
            return self._raised(_fenced(text, inside, CLOSING[OPENING.index(text)]), bare=inside if text == "(" else "")
        if text in BARS:
            return self._raised(_fenced(text, self.row(until=text), text))
        if text == "√":
            return _Piece(f"<msqrt>{self._power().inside}</msqrt>")
        if text == "∂":
            return _Piece(_group([self._raised("<mo rspace='0' lspace='0'>∂</mo>").xml, self._power().xml]))
        if token.has("number"):
            following = self._peek()
            number = self._raised(f"<mn>{text}</mn>")
            if following is not None and following.has("name") and not following.spaced:
                return _Piece(_group([number.xml, self._power().xml]))
            return number
        if token.has("name"):
            return self._named(token)
        return _Piece(f"<mo>{escape(text)}</mo>" if token.has("dots") else f"<mn>{escape(text)}</mn>")

    def _named(self, token: _Token) -> _Piece:
        following = self._peek()
        called = following is not None and following.text == "(" and not following.spaced
        primed = following is not None and following.text == "'"
        word = _is_word(token) and not called and not primed and self._is_prose()
        name = self._raised(_name(token, word), differential=_is_differential(token.found["name"]))
        following = self._peek()
        if following is not None and following.text == "(" and not following.spaced and not word:
            return _Piece(_group([name.xml, "<mo>\u2061</mo>", self._power().xml]))
        bare = token.found["name"] == APPLIED_BARE and following is not None
        if bare and following is not None and (following.has("name") or following.has("number")):
            return _Piece(_group([name.xml, "<mo>\u2061</mo>", '<mspace width=".17em"/>', self._power().xml]))
        return _Piece(name.xml, word=word)

    def _is_prose_ahead(self) -> bool:
        """Whether a word comes that is no function."""
        following = self._peek()
        calls = any(token.text == "(" for token in self._tokens[self._at + 1 : self._at + 2])
        return following is not None and _is_word(following) and not calls

    def _is_prose(self) -> bool:
        """Whether the word that was just read stands beside others, and is not tied to anything, as in ``^gamma``."""
        beside = [self._tokens[i] for i in (self._at - 2, self._at) if 0 <= i < len(self._tokens)]
        tied = any(token.text in "·/^" and not token.spaced for token in beside)
        return not tied and any(token.has("name") or token.has("number") for token in beside)

    def _raised(self, xml: str, bare: str = "", differential: bool = False) -> _Piece:
        """``xml`` with the powers that follow it; with none, ``bare`` is what it is without its parentheses."""
        raised = False
        while (token := self._peek()) and token.has("power"):
            self._at += 1
            if token.text == "'":
                above = "<mo>′</mo>"
            elif token.text == "^":
                above = self._exponent()
            else:
                text = token.text.translate(RAISED)
                above = "".join(
                    f'<mi mathvariant="normal">{c}</mi>'
                    if c.isalpha()
                    else f"<mn>{c}</mn>"
                    if c != "−"
                    else "<mo>−</mo>"
                    for c in text
                )
                above = f"<mrow>{above}</mrow>" if len(text) > 1 else above
            xml, raised = f"<msup>{xml}{above}</msup>", True
        return _Piece(xml, "" if raised or differential else bare)

    def _exponent(self) -> str:
        token = self._next()
        assert token is not None  # the pattern of ``^`` says so
        if token.has("number"):
            return f"<mn>{token.text}</mn>"
        if token.text in OPENING:
            self._at -= 1
            return self._power().inside
        return _name(token, word=False)

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> _Token | None:
        token = self._peek()
        self._at += token is not None
        return token


def _name(token: _Token, word: bool) -> str:
    """A name with its index, and its number."""
    text, index = token.found["name"], token.found["index"]
    mark = MARKS.get(text[-1], "")
    text = text[:-1] if mark else text
    differential = _is_differential(text)
    if differential:
        text = text[1:]
    xml = f"<mtext>{text}</mtext>" if word else f"<mi>{text}</mi>"
    if mark:
        xml = f'<mover accent="true">{xml}<mo>{mark}</mo></mover>'
    digits = token.found["digits"].translate(LOWERED)
    below = [f"<mn>{digits}</mn>"] if digits else []
    if index:
        below.append(_index(index))
    if below:
        xml = f"<msub>{xml}{_group(below)}</msub>"
    return f'<mrow><mi mathvariant="normal">d</mi>{xml}</mrow>' if differential else xml


def _index(index: str) -> str:
    """Letters of an index stand side by side: ij is i, j."""
    if index == "rows":
        return "<mtext>rows</mtext>"
    parts = []
    for found in re.finditer(r"[a-z]_[a-z]|[a-z]|\d+|[^{}\s]", index):
        text = found.group()
        if "_" in text:
            parts.append(f"<msub><mi>{text[0]}</mi><mi>{text[2]}</mi></msub>")
        elif text.isalpha():
            parts.append(f"<mi>{text}</mi>")
        else:
            parts.append(f"<mn>{text}</mn>" if text.isdigit() else f"<mo>{escape(text)}</mo>")
    return _group(parts)


def _sum(token: _Token) -> str:
    over = token.found["over"]
    return f"<munder><mo>∑</mo>{_index(over)}</munder>" if over else "<mo>∑</mo>"


def _fenced(opening: str, inside: str, closing: str) -> str:
    stretchy = 'form="{}" stretchy="true"'
    first, last = (stretchy.format(form) for form in ("prefix", "postfix"))
    return f"<mrow><mo {first}>{opening}</mo>{inside}<mo {last}>{closing}</mo></mrow>"


def _group(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"


def _space(word: bool) -> str:
    return "<mtext>\u00a0</mtext>" if word else '<mspace width=".25em"/>'


def _is_word(token: _Token) -> bool:
    """Prose or the name of a setting: upright, with the spaces of prose."""
    name = token.found["name"] or ""
    named = _is_differential(name) or name in FUNCTIONS or "_" in name or token.found["index"]
    return len(name.rstrip("\u0302\u0304")) > 1 and not named


def _is_differential(name: str) -> bool:
    return re.fullmatch("d[A-Za-z][\u0302\u0304]?", name) is not None
