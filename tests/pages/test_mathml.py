"""Formulas of all pieces become MathML that says the same, and the marks of their structure become structure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
import pytest
from markupsafe import Markup

from nncli.engine import (
    activations,
    constraints,
    embeddings,
    initializers,
    losses,
    norms,
    optimizers,
    schedules,
    updates,
)
from nncli.engine.parameters import Weights
from nncli.engine.penalties import Penalty
from nncli.gradcheck import pieces
from nncli.gradcheck.samples import sample_point
from nncli.pages.mathml import read
from nncli.walk import ExplainedLayer, Walk, walk

REGISTRIES = (activations, embeddings, initializers, losses, norms, optimizers, schedules)
RECORDS = [record for module in REGISTRIES for record in module.registry]
OTHERS = [Penalty, constraints.MaxNorm, updates.Clip, updates.Average]
KINDS = ("formula", "derivative", "evaluation_formula", "evaluation_derivative")
STRUCTURE = set("()/_{}^√ \u00a0\u2061")
"""Marks that MathML says otherwise, and spaces."""


def stated() -> Iterator[str]:
    """What the records state, which is shown in documents and reports, too."""
    for record in (*RECORDS, *OTHERS):
        yield from (text for kind in KINDS if (text := getattr(record, kind, "")))


def of_walk(found: Walk) -> Iterator[str]:
    yield from (found.losses.formula, found.input_gradient.formula, found.input_gradient.symbol)
    for layer in found.layers:
        yield from of_layer(layer)


def of_layer(layer: ExplainedLayer) -> Iterator[str]:
    for q in (*layer.parameters, *layer.statistics, *layer.forward, *layer.backward, *layer.penalty):
        yield from (q.symbol, q.formula)


def shown() -> Iterator[str]:
    """Whatever ``explain`` says of any piece: all of those that gradcheck looks at."""
    for sample in pieces._samples():
        network = sample.network
        point = sample_point(network, n=2, weighted=sample.weighted)
        weights = Weights(point.theta, network.initial_statistics(np.float64))
        yield from of_walk(walk(network, weights, point.inputs, point.targets, point.row_weights))


FORMULAS = sorted({*stated(), *shown()} - {""})


def tree(formula: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<p>{read(formula)}</p>")


def characters(text: str) -> str:
    """Without structure, and with raised and lowered digits and letters as they are on the line."""
    flat = unicodedata.normalize("NFKC", text.replace("½", "\ue000")).replace("ᵗ", "t").replace("'", "′")
    flat = flat.replace("∑", "Σ").replace("\u0302", "^").replace("^", "").replace("\u0304", "").replace("¯", "")
    return "".join(c for c in unicodedata.normalize("NFD", flat) if c not in STRUCTURE and not unicodedata.combining(c))


def test_there_are_formulas_of_every_registered_piece() -> None:
    assert len(FORMULAS) > 250
    for record in (*activations.registry, *losses.registry, *norms.registry):
        assert any(record.formula in formula for formula in FORMULAS)


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_keeps_its_characters_and_its_structure(formula: str) -> None:
    found = tree(formula)
    said = "".join(found.itertext())
    assert characters(said) == characters(formula)
    # every bar is a fraction, and so on
    assert len(found.findall(".//mfrac")) == formula.count("/")
    assert len(found.findall(".//msqrt")) == formula.count("√")
    assert len(found.findall(".//msup")) >= formula.count("^") + formula.count("²") + formula.count("'")
    # parentheses go in pairs, and only around what stands over or under a bar, under a root, or in an exponent
    missing = formula.count("(") - said.count("(")
    assert formula.count(")") - said.count(")") == missing
    around = len(re.findall(r"[/√^] ?\(", formula)) + len(re.findall(r"\) ?/", formula))
    assert 0 <= missing <= around
    # elements have the children that MathML asks for
    for element in found.iter():
        if element.tag in ("mfrac", "msub", "msup", "munder", "mover"):
            assert len(element) == 2
        if element.tag in ("mi", "mn", "mo", "mtext"):
            assert len(element) == 0
            assert element.text


def plain(element: ElementTree.Element) -> str:
    """One line again, with all groups in braces: written anew, so that a wrong grouping shows."""
    parts = [plain(child) for child in element if child.tag not in ("mspace",)]
    if element.tag in ("mi", "mn", "mo", "mtext"):
        return (element.text or "").replace("\u2061", "").replace("\u00a0", " ")
    if element.tag == "mfrac":
        return f"{{{parts[0]}}}/{{{parts[1]}}}"
    if element.tag in ("msub", "munder"):
        return f"{parts[0]}_{{{parts[1]}}}"
    if element.tag == "msup":
        return f"{parts[0]}^{{{parts[1]}}}"
    if element.tag == "mover":
        return f"{parts[0]}{parts[1]}"
    if element.tag == "msqrt":
        return f"√{{{''.join(parts)}}}"
    if element.tag == "p":
        return (element.text or "") + "".join(plain(child) + (child.tail or "") for child in element)
    return "".join(parts)


@pytest.mark.parametrize(
    ("formula", "grouped"),
    [
        ("X · W1 + b1", "X·W_{1}+b_{1}"),
        ("A1ᵀ · ∂C/∂Z2", "A_{1}^{T}·{∂C}/{∂Z_{2}}"),
        ("Σ_rows ∂C/∂Z12", "∑_{rows}{∂C}/{∂Z_{12}}"),
        ("∂C/∂A1 ⊙ f'(Z1), f'(z) = a·(1 − a)", "{∂C}/{∂A_{1}}⊙f^{′}(Z_{1}), f^{′}(z)=a·(1−a)"),
        ("1/(1 + |z|)²", "{1}/{(1+|z|)^{2}}"),
        ("min(max((z + 3)/6, 0), 1)", "min(max({z+3}/{6},0),1)"),
        ("(2z + 3)/6 between", "{2z+3}/{6} between"),
        ("z·exp(−z²/2)/√(2π)", "z·{exp(−{z^{2}}/{2})}/{√{2π}}"),
        ("erfc(−z/√2)/2", "{erfc(−{z}/{√{2}})}/{2}"),
        # what is divided is the logarithm of t, not t: the slope of (1 − t)^gamma·log t
        ("gamma·log t/(1 − t) − 1/t", "gamma·{logt}/{1−t}−{1}/{t}"),
        ("q_i^gamma·log(1 − q_i)/q_i", "q_{i}^{gamma}·{log(1−q_{i})}/{q_{i}}"),
        ("Σ_j y_ij·log(y_ij/p_ij)", "∑_{j}y_{ij}·log({y_{ij}}/{p_{ij}})"),
        ("log 2π + s_ij", "log2π+s_{ij}"),
        ("exp(z_j) / Σ_i exp(z_i)", "{exp(z_{j})}/{∑_{i}exp(z_{i})}"),
        ("Σ_t de_t/(edge_t − edge_t−1)", "∑_{t}{de_{t}}/{edge_{t}−edge_{t−1}}"),
        ("dL_i/dz_ij = p_ij − [j = y_i]", "{dL_{i}}/{dz_{ij}}=p_{ij}−[j=y_{i}]"),
        ("log Σ_j exp(z_ij) − z_i,y_i", "log∑_{j}exp(z_{ij})−z_{i,y_{i}}"),
        ("1 + max_{j≠y_i} p_ij", "1+max_{j≠y_{i}}p_{ij}"),
        ("(x_ij − running_mean_j)/σ_j", "{x_{ij}−running_mean_{j}}/{σ_{j}}"),
        ("(1 − label_smoothing)·y + label_smoothing/2", "(1−label_smoothing)·y+{label_smoothing}/{2}"),
        ("dx̂_j − 1/d Σ_i dx̂_i", "dx^_{j}−{1}/{d}∑_{i}dx^_{i}"),
        ("l1·Σ|w| + l2/2·Σw²", "l_{1}·∑|w|+{l_{2}}/{2}·∑w^{2}"),
        ("z for z > 0, else alpha·(exp(z/alpha) − 1)", "z for z>0, else alpha·(exp({z}/{alpha})−1)"),
        ("1e-05·sign(W1)", "1e-05·sign(W_{1})"),
        ("X, nothing is dropped outside of the training", "X, nothing is dropped outside of the training"),
    ],
)
def test_what_belongs_together_is_one_group(formula: str, grouped: str) -> None:
    assert plain(tree(formula)) == grouped


def test_what_is_no_formula_stays_text() -> None:
    hostile = '<script>alert(1)</script> & "x" {'
    found = read(hostile)
    assert isinstance(found, Markup)
    assert "<script" not in found
    assert "".join(ElementTree.fromstring(f"<p>{found}</p>").itertext()).count("&") == 1
