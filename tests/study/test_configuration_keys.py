"""Keys given twice in a file of the configuration."""

import re
from pathlib import Path

import pytest

from hsokv.exceptions import ConfigurationError
from hsokv.study.config import check_keys

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "key", "lines"),
    [
        ("a: 1\nb: 2\na: 3", "a", (1, 3)),
        ("b:\n  c: 1\n\n  # the same again\n  c: {d: 1}", "b.c", (2, 5)),
        ("b: [{c: 1}, {c: 1, c: 2}]", "b.1.c", (1, 1)),
        ('{"b": {"c": 1,\n\t"c": 1}}', "b.c", (1, 2)),
        ("b: {c: 1}\n'b':\n  c: 2", "b", (1, 2)),
    ],
)
def test_a_key_given_twice_is_named_with_its_file_and_both_lines(tmp_path, text, key, lines):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(
        ConfigurationError, match=rf"^{re.escape(str(path))}: {re.escape(key)} .*\b{lines[0]} and {lines[1]}\b"
    ):
        check_keys([ROOT / "config.yaml", path])


def test_equal_keys_in_different_places_are_no_repetition(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: &x {c: 1}\nb: {a: *x, c: 2}\nd: [{c: 1}, {c: 2}, []]\ne:")
    (tmp_path / "empty.yaml").write_text("")
    check_keys([path, tmp_path / "empty.yaml", *ROOT.glob("config/*.yaml"), *ROOT.glob("examples/*.yaml")])
