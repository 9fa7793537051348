"""What a display shows of a training, at every size: by events and a clock that are handed in."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncli.builder import Experiment, build
from nncli.cli.course import Course, Member, Speed
from nncli.cli.glyphs import ASCII, BLOCKS, Glyphs, glyphs
from nncli.cli.layout import ECHO, compose, duration
from nncli.config.loader import load_config
from nncli.training.events import EpochEnded, Progress
from nncli.training.monitor import Monitor

CONFIGS = Path(__file__).parents[2] / "configs"
UNKNOWN = Speed(None, None)


def experiment(*overrides: str) -> Experiment:
    return build(load_config(CONFIGS / "digits.yaml", list(overrides)))


DIGITS = experiment("training.early_stopping.patience=20")


def ended(epoch: int, train: float, **validation: float | None) -> EpochEnded:
    figures = {f"validation_{name}": value for name, value in validation.items()}
    return EpochEnded(epoch, 40 * epoch, 0.0, 0.003, train, None, figures, False)


def text(
    course: Course, width: int, height: int = 24, speed: Speed = UNKNOWN, characters: Glyphs = BLOCKS
) -> list[str]:
    lines = compose(course, speed, characters, width, height)
    return ["".join(piece for piece, _ in line) for line in lines]


def course_of(*losses: float | None) -> Course:
    course = Course(DIGITS)
    for epoch, loss in enumerate(losses, start=1):
        course.take(ended(epoch, 1.0 / epoch, loss=loss, accuracy=None if loss is None else 1 - loss))
    return course


def test_a_figure_stands_to_its_best_by_the_way_in_which_it_gets_better() -> None:
    lines = text(course_of(0.5, 0.25, 0.375), 90)
    assert re.fullmatch(r"train loss    0\.3333     ↓ best +██▁", lines[1])
    assert lines[2].startswith("val loss      0.375      ↑ 0.12 above the best, epoch 2")
    assert lines[3].rstrip() == "val accuracy  0.6250     ↓ 0.12 below the best, epoch 2"
    assert text(course_of(0.5, 0.25), 90)[3].rstrip() == "val accuracy  0.7500     ↑ best"
    assert text(course_of(0.5, 0.25, 0.25), 90)[2].startswith("val loss      0.25       = as the best, epoch 2")


def test_what_is_not_defined_is_a_dash() -> None:
    lines = text(course_of(0.5, None), 90)
    assert lines[2].split()[2] == "–"
    assert lines[3].rstrip() == "val accuracy  –"
    assert text(course_of(None), 90, characters=ASCII)[2].rstrip() == "val loss      -"


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (90, "val loss      0.375      ↑ 0.12 above the best, epoch 2"),
        (60, "val loss      0.375      ↑ 0.12 (epoch 2)"),
        (45, "val loss      0.375      ↑"),
        (26, "val loss      0.375      ↑"),
        (18, "val loss    0.375"),
    ],
)
def test_less_is_said_where_there_is_less_room(width: int, line: str) -> None:
    assert text(course_of(0.5, 0.25, 0.375), width)[2].rstrip(f" {BLOCKS.ticks}") == line


def test_the_patience_is_that_of_the_monitor() -> None:
    losses = [0.5, 0.25, 0.375, 0.3, 0.26]
    monitor = Monitor(DIGITS)
    for epoch, loss in enumerate(losses, start=1):
        monitor.is_best(epoch, {"validation_loss": loss})
    course = course_of(*losses)
    assert course.waiting == monitor.numbers["waiting"] == 3
    assert text(course, 90)[-1] == "learning rate 0.003 · no better for 3 of 20 epochs"
    assert text(course_of(0.5), 90)[-1] == "learning rate 0.003"
    patient = Course(experiment("training.early_stopping=null"))
    patient.take(ended(1, 1.0, loss=0.5))
    patient.take(ended(2, 1.0, loss=0.6))
    assert text(patient, 90)[-1] == "learning rate 0.003"


def test_what_is_monitored_comes_before_the_other_metrics() -> None:
    course = Course(
        experiment("metrics=[accuracy, cohen_kappa, f1_macro]", "training.early_stopping.monitor=validation_f1_macro")
    )
    course.take(ended(1, 1.0, loss=0.5, accuracy=0.5, cohen_kappa=0.4, f1_macro=0.3))
    assert [line.split("  ")[0] for line in text(course, 60)[1:-1]] == [
        "train loss",
        "val loss",
        "val f1 macro",
        "val accuracy",
        "val cohen kappa",
    ]
    assert [line.split("  ")[0] for line in text(course, 60, height=5)[1:-1]] == [
        "train loss",
        "val loss",
        "val f1 macro",
    ]


def test_it_is_told_how_fast_it_is_and_how_long_it_takes() -> None:
    course = Course(DIGITS)
    assert course.speed(0.0) == UNKNOWN
    course.take(Progress(1, 20, 40, 20))
    assert course.speed(1.0) == Speed(20.0, 199.0)  # half an epoch a second, 99.5 to go
    course.take(ended(1, 1.0, loss=0.5, accuracy=0.5))
    assert course.speed(2.0) == Speed(20.0, 198.0)
    for epoch in range(2, 42):  # twice as fast
        course.take(ended(epoch, 1.0, loss=0.5, accuracy=0.5))
        speed = course.speed(1.0 + epoch)
    # the last half minute counts
    assert speed == Speed(pytest.approx(40.0), pytest.approx(59.0))
    assert text(course, 90, speed=speed)[0].endswith("41%  0:59 left at most")
    assert text(course, 90, speed=speed)[-1].startswith("learning rate 0.003 · 40 steps a second")


def test_of_an_ensemble_the_members_that_are_to_come_take_their_time() -> None:
    course = Course(experiment("training.early_stopping=null"), Member(2, 3))
    course.speed(0.0)
    course.take(ended(50, 1.0, loss=0.5))
    assert course.share == 0.5
    assert course.speed(5.0).left == pytest.approx(15.0)
    assert text(course, 80, speed=course.speed(5.0))[0].startswith("member 2/3  epoch  51/100  ━")
    assert text(course, 80, speed=course.speed(5.0))[0].endswith("   50%  0:15 left")


def test_one_of_several_trainings_is_called_so() -> None:
    course = Course(experiment("training.early_stopping=null"), Member(7, 15, "training"))
    assert text(course, 80)[0].startswith("training 7/15  epoch   1/100  ━")


def test_what_was_before_a_stop_counts_and_a_strange_metrics_csv_breaks_nothing() -> None:
    told = course_of(0.5, 0.25, 0.375)
    read = Course(DIGITS)
    row = {"learning_rate": "0.003", "no_metric": "\x1b[2J", "validation_nonsense": "3"}
    losses = ["0.5", "0.25", "0.375"]
    read.remember(
        {
            "epoch": str(epoch),
            "step": str(40 * epoch),
            "train_loss": str(1.0 / epoch),
            "validation_loss": loss,
            "validation_accuracy": str(1 - float(loss)),
            **row,
        }
        for epoch, loss in enumerate(losses, start=1)
    )
    assert text(read, 90) == text(told, 90)
    assert (read.step, read.waiting) == (120, 1)
    read.remember([{"epoch": "x", "step": "y", "train_loss": "z"}])
    assert text(read, 90)[1].split()[2] == "–"


def test_a_minimizer_has_no_learning_rate_to_show() -> None:
    course = Course(experiment("training.early_stopping=null"))
    course.take(EpochEnded(1, 1, 0.0, None, 0.5, None, {}, True))
    assert text(course, 80, speed=Speed(3.14159, 12.0))[-1] == "3.1 steps a second"
    assert len(text(course, 80)) == 2


@settings(max_examples=200)
@given(
    st.integers(1, 250),
    st.integers(1, 12),
    st.lists(st.one_of(st.none(), st.floats(-1e30, 1e30)), max_size=5),
    st.sampled_from([BLOCKS, ASCII]),
    st.sampled_from([None, Member(3, 20)]),
    st.sampled_from([UNKNOWN, Speed(1234567.8, 99999.0)]),
)
def test_no_line_is_wider_than_there_is_room(
    width: int, height: int, losses: list[float | None], characters: Glyphs, member: Member | None, speed: Speed
) -> None:
    course = Course(DIGITS, member)
    for epoch, loss in enumerate(losses, start=1):
        course.take(ended(epoch, 1e-30, loss=loss, accuracy=0.5))
    lines = text(course, width, height, speed, characters)
    assert 1 <= len(lines) <= height
    assert max(map(len, lines)) <= width
    assert str(len(losses) + 1) in lines[0] or width < 5
    if len(lines) < height:
        assert len(lines[-1]) <= max(0, width - len(ECHO))
    if characters is ASCII:
        assert all(line.isascii() for line in lines)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "0:00"), (0.2, "0:01"), (59.5, "1:00"), (245, "4:05"), (3723, "1:02:03")]
)
def test_a_duration_is_said_as_a_clock_does(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("encoding", "environment", "expected"),
    [
        ("utf-8", {}, BLOCKS),
        ("utf-8", {"LANG": "de_DE.UTF-8"}, BLOCKS),
        ("utf-8", {"LANG": "C"}, ASCII),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, ASCII),  # which Python has set itself
        ("utf-8", {"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, BLOCKS),
        ("utf-8", {"LANG": "C", "LC_ALL": "C.UTF-8"}, BLOCKS),
        ("utf-8", {"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, ASCII),
        ("latin-1", {"LANG": "en_US"}, ASCII),
        ("ascii", {}, ASCII),
        (None, {}, ASCII),
        ("no such encoding", {}, ASCII),
    ],
)
def test_the_characters_are_those_that_the_terminal_takes(
    encoding: str | None, environment: dict[str, str], expected: Glyphs
) -> None:
    assert glyphs(encoding, environment) is expected


def test_every_character_is_one_column_wide() -> None:
    from rich.cells import cell_len

    for characters in (BLOCKS, ASCII):
        assert cell_len(characters.all) == len(characters.all)
    assert ASCII.all.isascii()
    assert os.linesep not in ASCII.all
