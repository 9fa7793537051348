"""Config files from strangers: what is no file is not opened, and what is too much for one is refused at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nncli.config.document import LARGEST_FILE, MOST_VALUES
from nncli.config.loader import load_config
from nncli.config.messages import MOST
from nncli.errors import ConfigError
from nncli.registry import nearest

GOOD = "data: {source: iris}\nmodel: {layers: [{units: 3}, {activation: softmax}]}\n"


def refusal(path: Path | str, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load_config(path, overrides)
    return str(error.value).split("\n")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "c.yaml")
    remedy = "save it as a file: paths in it are relative to its folder, and it may be read again"
    assert refusal(tmp_path / "c.yaml") == [f"{tmp_path / 'c.yaml'}: is a pipe, not a file; {remedy}"]


def test_what_a_shell_puts_in_the_place_of_a_command_is_a_pipe(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    try:
        assert "is a pipe, not a file; save it as a file" in refusal(f"/dev/fd/{ours}")[0]
    finally:
        os.close(ours)
        os.close(theirs)


def test_devices_are_refused_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").symlink_to("/dev/zero")
    for path in ("/dev/zero", "/dev/urandom", tmp_path / "c.yaml"):
        assert "is a device, not a file" in refusal(path)[0]


def test_a_link_to_a_config_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text(GOOD)
    (tmp_path / "c.yaml").symlink_to("real.txt")
    assert load_config(tmp_path / "c.yaml").name_or_stem == "c"


def test_a_file_that_is_no_config_by_its_size_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "c.yaml").open("wb") as file:
        file.truncate(10**12)
    expected = f"{tmp_path / 'c.yaml'}: is larger than {LARGEST_FILE:,} bytes; is it a config at all?"
    assert refusal(tmp_path / "c.yaml") == [expected]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc here")
def test_a_file_whose_size_is_told_wrong_is_not_believed() -> None:
    assert os.stat("/proc/self/maps").st_size == 0
    assert refusal("/proc/self/maps")


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{i}:\n" for i in range(MOST_VALUES)),
        f"data: [{'0,' * MOST_VALUES}]\n",
        "a: {" + "b: {}, " * MOST_VALUES,
    ],
)
def test_more_keys_and_values_than_any_config_has_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    (only,) = refusal(tmp_path / "c.yaml")
    assert only.endswith(f"holds more than {MOST_VALUES:,} keys and values; is it a config at all?")


def test_of_a_file_that_is_wrong_all_over_the_first_complaints_are_told(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(GOOD + "".join(f"k{i}: 1\n" for i in range(5000)))
    lines = refusal(tmp_path / "c.yaml")
    assert len(lines) == MOST
    assert all("unknown key" in line for line in lines)


def test_many_names_take_no_time(tmp_path: Path) -> None:
    names = ", ".join(f"c{i}" for i in range(10_000))
    text = (
        f"data: {{path: t.csv, target: y, features: [{names}, c7, y]}}\nmodel: {{layers: [{{activation: softmax}}]}}\n"
    )
    (tmp_path / "c.yaml").write_text(text)
    twice, target = refusal(tmp_path / "c.yaml")
    assert twice.endswith("data.features: names 'c7' twice")
    assert "data.features: holds the target 'y'" in target


def test_long_names_are_not_compared_letter_by_letter(tmp_path: Path) -> None:
    key = "u" * 100_000
    assert nearest(key, [key + "v"]) is None
    (tmp_path / "c.yaml").write_text(GOOD + f"? {key}\n: 1\n")
    (only,) = refusal(tmp_path / "c.yaml")
    assert len(only) < 10_000
    assert "unknown key, known are name, seed, data" in only
