"""The page of an explanation shows all that the walk found, and can be stepped through by mouse and by keyboard."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import DESKTOP, PHONE, Browser, overflow, violations

import nncli
from nncli import Run, explain_network, load_config
from nncli.builder import build
from nncli.engine.buffers import Array
from nncli.engine.parameters import Weights
from nncli.engine.randomness import Purpose, stream
from nncli.explain import Explanation
from nncli.pages.drawing import MOST_COLUMNS, MOST_UNITS
from nncli.pages.explanation import explanation_page
from nncli.pages.page import save
from nncli.walk import Quantity, walk

CONFIGS = Path(__file__).parents[2] / "configs"
PENGUINS = ["model.input={numbers: {name: periodic, units: 3}, scale: true, noise: 0.1, dropout: 0.1}"]
CASES: dict[str, tuple[str, list[str], int]] = {
    "iris": ("iris", [], 1),
    "the notebook's": ("two_layers", [], 1),
    "rows": ("two_layers", [], 3),
    "moons": ("moons", [], 1),
    "norms, noise, dropout, prelu": ("blocks", ["model.layers.0.units=8", "model.layers.1.units=6"], 1),
    "residual": ("residual", ["model.layers.1.units=8", "model.layers.0.units=8", "model.layers.2.units=6"], 2),
    "quantiles": ("quantiles", [], 2),
    "labels": ("multilabel", ["data.source.n_samples=200", "model.layers.0.units=6"], 2),
    "weighted rows": ("imbalanced", [], 3),
    "embeddings": ("penguins", PENGUINS, 1),
    "several targets": ("linnerud", ["loss=gaussian_nll"], 2),
}


def case(name: str) -> Explanation:
    config, overrides, rows = CASES[name]
    return explain_network(load_config(CONFIGS / f"{config}.yaml", overrides), rows=rows)


class Reader(HTMLParser):
    """Cuts a page into steps, and these into quantities, with the texts of their cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.steps: list[dict[str, Any]] = []
        self.headings: list[int] = []
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._open.append((tag, given))
        if tag == "section":
            self.steps.append({"name": "", "quantities": [], "text": "", "units": []})
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "h3":
            self.steps[-1]["quantities"].append({"heading": "", "cells": [], "heads": []})
        if tag in ("meta", "link", "br", "path", "use", "rect", "mspace"):
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_data(self, data: str) -> None:
        if not self.steps or not self._open:
            return
        step, tags = self.steps[-1], [tag for tag, _ in self._open]
        step["text"] += data
        if "h2" in tags:
            step["name"] += data
        if tags[-1] == "text" and self._open[-1][1].get("class") == "value":
            step["units"].append(data)
        if step["quantities"]:
            last = step["quantities"][-1]
            if "h3" in tags:
                last["heading"] += data
            elif tags[-1] == "dd" or "td" in tags:
                last["cells"] += [data] if data.strip() else []
            elif tags[-1] == "dt" or "th" in tags:
                last["heads"] += [data] if data.strip() else []


def numbers(cells: list[str]) -> Array:
    return np.array([float(cell.replace("−", "-")) for cell in cells])


def quantities(explanation: Explanation) -> Iterator[Quantity]:
    """All that a page should show, in its order."""
    layers = explanation.walk.layers
    for layer in layers:
        yield from (*layer.forward, *layer.parameters, *layer.statistics)
    for layer in reversed(layers):
        yield from layer.backward
    yield explanation.walk.input_gradient
    for layer in layers:
        yield from layer.penalty


@pytest.mark.parametrize("name", CASES)
def test_every_array_of_the_walk_is_there_with_its_numbers(name: str) -> None:
    explanation = case(name)
    page = Reader(explanation_page(explanation))
    given = {"Y", "w", "w·L", "L"}
    shown = [q for step in page.steps for q in step["quantities"] if q["heading"].split()[0] not in given]
    expected = list(quantities(explanation))
    assert len(shown) == len(expected)
    for found, quantity in zip(shown, expected, strict=True):
        symbol, heading = (re.sub(r"[/_\s]", "", text) for text in (quantity.symbol, found["heading"]))
        assert heading.startswith(symbol)  # a fraction has no stroke, nor an index
        assert str(quantity.values.shape) in found["heading"]
        assert quantity.tensor in found["heading"]
        if "⋯" not in found["cells"] + found["heads"]:
            np.testing.assert_allclose(numbers(found["cells"]), quantity.values.ravel(), rtol=5e-6)


@pytest.mark.parametrize("name", CASES)
def test_the_steps_go_forward_to_the_loss_and_back(name: str) -> None:
    explanation = case(name)
    numbered = [layer.number for layer in explanation.walk.layers]
    page = Reader(explanation_page(explanation))
    assert [step["name"] for step in page.steps] == [
        "The example",
        *(f"Forward: layer {number}" for number in numbered),
        "The loss",
        *(f"Back: layer {number}" for number in reversed(numbered)),
        "Back: the input",
        *(["The penalty"] if explanation.walk.penalty is not None else []),
        "A step downhill",
    ]
    assert page.headings[0] == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    loss = next(step for step in page.steps if step["name"] == "The loss")
    assert f"= {explanation.walk.loss:.6g}" in re.sub(r"\s+", " ", loss["text"]).replace("=", "= ").replace("=  ", "= ")
    for layer, step in zip(explanation.walk.layers, page.steps[1:], strict=False):
        assert layer.does in step["text"]


def test_units_show_the_signals_on_the_way_forward_and_the_slopes_on_the_way_back() -> None:
    explanation = case("the notebook's")
    page = Reader(explanation_page(explanation))
    first, second = explanation.walk.layers
    X, A1, A2 = explanation.walk.inputs.values[0], first.forward[-1].values[0], second.forward[-1].values[0]
    slopes = {q.symbol: q.values[0] for layer in (first, second) for q in layer.backward if not q.tensor}
    dX, d1, d2 = explanation.walk.input_gradient.values[0], slopes["∂C/∂Z1"], slopes["∂C/∂Z2"]
    courses = [[X], [X, A1], [X, A1, A2], [X, A1, A2], [X, A1, d2], [X, d1, d2], [dX, d1, d2], []]
    for step, columns in zip(page.steps, courses, strict=True):
        expected = np.concatenate(columns) if columns else np.zeros(0)
        np.testing.assert_allclose(numbers(step["units"]), expected, rtol=5e-3)


def test_the_first_step_has_the_example_as_it_stands_in_the_data_and_as_the_network_sees_it() -> None:
    explanation = case("iris")
    text = html.unescape(explanation_page(explanation))
    assert explanation.raw is not None
    for feature, raw, x in zip(
        explanation.features, explanation.raw[0], explanation.walk.inputs.values[0], strict=True
    ):
        cells = f"{raw:.6g}", f"{x:.6g}".replace("-", "−")
        row = rf'<span class="head">{re.escape(feature)}</span></th>' + "".join(
            rf'<td class="figure">{re.escape(cell)}</td>' for cell in cells
        )
        assert re.search(row, text)


def test_what_a_step_downhill_is_said_to_gain_is_what_it_gains() -> None:
    """To first order: the network is walked through once more, a little further down its gradient."""
    config = load_config(CONFIGS / "iris.yaml")
    explanation = explain_network(config, rows=4)
    (said,) = re.findall(r"η</mi><mo[^>]*>·</mo><mn>([\d.]+)</mn>", explanation_page(explanation))
    experiment, eta = build(config), 1e-5
    weights = experiment.network.initial_weights(stream(config.seed, Purpose.WEIGHTS), experiment.precision)
    weights = weights.astype(np.float64)
    views = experiment.network.tensors(weights)
    for layer in explanation.walk.layers:
        for q in (*layer.backward, *layer.penalty):
            if q.tensor:
                views[q.tensor][...] -= eta * q.values
    moved = Weights(weights.theta, weights.statistics)
    after = walk(experiment.network, moved, experiment.train.inputs[:4], experiment.train.targets[:4])
    before = explanation.walk
    assert before.penalty is not None
    assert after.penalty is not None
    gained = before.loss + before.penalty - after.loss - after.penalty
    assert gained == pytest.approx(eta * float(said), rel=1e-3)


def test_names_from_strangers_stay_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Browser) -> None:
    monkeypatch.chdir(tmp_path)
    feature, label = '<img src=x onerror="alert(1)">', "</title></svg><script>alert(2)</script>\x1b[31m\u202e"
    rows = [[feature, "b", "y"], *([i % 7, i % 3, [label, "{{ 7*7 }}"][i % 2]] for i in range(40))]
    quoted = "\n".join(",".join('"' + str(cell).replace('"', '""') + '"' for cell in row) for row in rows)
    Path("t.csv").write_text(quoted + "\n", encoding="utf-8")
    model = {"layers": [{"units": 3, "activation": "tanh"}, {"activation": "softmax"}]}
    Path("c.yaml").write_text(json.dumps({"data": {"path": "t.csv", "target": "y"}, "model": model}))
    text = explanation_page(explain_network(load_config("c.yaml")))
    assert "<img" not in text
    assert text.count("<script") == 1
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "{{ 7*7 }}" in text
    save(tmp_path / "p.html", text)
    page = browser.open(tmp_path / "p.html")
    assert feature in page.locator("#step-1 table").inner_text()
    assert r"</script>\x1b[31m\u202e" in page.locator("#step-1").inner_text()


def test_a_large_network_is_shortened_and_says_so() -> None:
    deep = ", ".join(["{units: 70, activation: relu}"] * (MOST_COLUMNS + 3))
    overrides = [f"model.layers=[{deep}, {{activation: softmax}}]"]
    text = explanation_page(explain_network(load_config(CONFIGS / "digits.yaml", overrides)))
    page = Reader(text)
    assert max(len(step["units"]) for step in page.steps) <= MOST_COLUMNS * MOST_UNITS
    assert "57 more" in text  # units of a layer
    assert "5 more" in page.steps[0]["text"]  # columns: the input, 10 + 1 layers, of which 7 are drawn
    assert "46 rows and 54 columns left out; nncli explain --json has all." in text
    assert len(text.encode()) < 5e6


def test_numbers_that_are_not_finite_are_shown_as_they_are() -> None:
    """Warnings are errors here: what is computed of them for the page is quiet."""
    huge = "{units: 3, initializer: {name: normal, std: 1e+150}}"
    config = load_config(CONFIGS / "two_layers.yaml", [f"model.layers=[{huge}, {huge}, {huge}, {{}}]"])
    page = Reader(explanation_page(explain_network(config)))
    units = [unit for step in page.steps for unit in step["units"]]
    assert {"inf", "nan"} & {unit.lstrip("−") for unit in units}


def test_a_run_and_a_member_of_an_ensemble_have_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = ["training.epochs=1", "ensemble.members=2"]
    run = nncli.train(load_config(CONFIGS / "iris.yaml", overrides), directory="run")
    text = explanation_page(explain_network(Run.open(run.path), member=1, row=5))
    assert "run/members/1: classification, 4-16-3, at its last weights" in text
    assert "row 5 of 120 training rows" in text


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    places = {name: folder / f"{i}.html" for i, name in enumerate(CASES)}
    for name, place in places.items():
        save(place, explanation_page(case(name)))
    return places


def visible(page: Any) -> list[str]:
    """The numbers of the steps that are shown."""
    return [step.get_attribute("id") for step in page.locator(".step").all() if step.is_visible()]


def test_buttons_keys_links_and_columns_step(pages: dict[str, Path], browser: Browser) -> None:
    page = browser.open(pages["iris"])
    steps = page.locator(".step").count()
    assert visible(page) == ["step-1"]
    assert page.get_by_role("status").inner_text() == f"Step 1 of {steps}: The example"
    page.get_by_role("button", name="Next").click()
    assert visible(page) == ["step-2"]
    assert page.url.endswith("#step-2")
    assert page.get_by_role("status").inner_text() == f"Step 2 of {steps}: Forward: layer 1"
    page.get_by_role("button", name="Previous").click()
    page.get_by_role("button", name="Previous").click(force=True)  # there is none before the first
    assert visible(page) == ["step-1"]
    for key, number in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("End", steps), ("ArrowRight", steps)):
        page.keyboard.press(key)
        assert visible(page) == [f"step-{number}"]
    page.keyboard.press("Control+ArrowLeft")  # is the browser's
    assert visible(page) == [f"step-{steps}"]
    page.keyboard.press("Home")
    assert visible(page) == ["step-1"]
    page.get_by_role("link", name="The loss").click()
    assert visible(page) == ["step-4"]
    assert page.evaluate("document.activeElement.id") == "name-4"
    assert page.get_by_role("link", name="The loss").get_attribute("aria-current") == "step"
    page.locator("#step-4 .column").nth(1).click()
    assert visible(page) == ["step-2"]


def test_an_address_opens_its_step(pages: dict[str, Path], browser: Browser) -> None:
    assert visible(browser.open(pages["iris"], at="#step-5")) == ["step-5"]
    assert visible(browser.open(pages["iris"], at="#step-99")) == ["step-9"]
    assert visible(browser.open(pages["iris"], at="#nowhere")) == ["step-1"]


def test_the_keyboard_reaches_everything_and_is_not_trapped(pages: dict[str, Path], browser: Browser) -> None:
    page = browser.open(pages["iris"], width=PHONE)
    page.keyboard.press("ArrowRight")
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        here = page.evaluate(
            """(e => e === document.body ? "" : e.getAttribute("aria-label") || e.innerText.trim())
            (document.activeElement)"""
        )
        if not here:
            break
        reached.append(here)
    assert not here  # it left the page at its end
    assert reached[0] == "Skip to the content"
    assert {"Picture of the network", "Table of W1"} <= set(reached)
    assert any("Next" in name for name in reached)
    # in a box that scrolls, an arrow scrolls
    box = page.locator("#step-2 .numbered").first
    box.focus()
    page.keyboard.press("ArrowRight")
    assert visible(page) == ["step-2"]
    page.wait_for_function("document.querySelector('#step-2 .numbered').scrollLeft > 0")


@pytest.mark.parametrize(
    ("name", "width"),
    [("residual", PHONE), ("embeddings", PHONE), ("rows", PHONE), ("labels", PHONE), ("residual", DESKTOP)],
)
def test_no_step_is_wider_than_the_window(name: str, width: int, pages: dict[str, Path], browser: Browser) -> None:
    page = browser.open(pages[name], width=width)
    for step in range(1, page.locator(".step").count() + 1):
        assert visible(page) == [f"step-{step}"]
        assert overflow(page) == 0
        page.keyboard.press("ArrowRight")
    silent = browser.open(pages[name], width=width, scripts=False)
    assert overflow(silent) == 0


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_steps_are_accessible(width: int, pages: dict[str, Path], browser: Browser) -> None:
    """On a page with few cells: axe-core looks at each of them, on a large one for minutes."""
    for step in (2, 4):
        assert violations(browser.open(pages["rows"], width=width, at=f"#step-{step}")) == []


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_without_scripts_and_on_paper_all_steps_are_there(width: int, pages: dict[str, Path], browser: Browser) -> None:
    silent = browser.open(pages["iris"], width=width, scripts=False)
    assert len(visible(silent)) == 9
    assert not silent.get_by_role("button").first.is_visible()
    printed = browser.open(pages["iris"], width=width, media="print", at="#step-3")
    assert len(visible(printed)) == 9
    assert not printed.get_by_role("button").first.is_visible()
    assert printed.pdf().startswith(b"%PDF")


def test_lines_tell_signs_by_colour_and_by_dashes(pages: dict[str, Path], browser: Browser) -> None:
    page = browser.open(pages["iris"])
    looks = page.evaluate(
        """['plus', 'minus'].map(sign => {
            const style = getComputedStyle(document.querySelector(`.key .${sign}`));
            return [style.stroke, style.strokeDasharray];
        })"""
    )
    assert looks[0][0] != looks[1][0]
    assert looks[0][1] == "none"
    assert looks[1][1] != "none"
