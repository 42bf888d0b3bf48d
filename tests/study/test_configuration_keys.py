"""Keys given twice in a file of the configuration."""

import itertools
import re
from pathlib import Path

import pytest

from hsokv.exceptions import ConfigurationError
from hsokv.study.config import check_files

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "key", "lines"),
    [
        ("a: 1\nb: 2\na: 3", "a", (1, 3)),
        ("b:\n  c: 1\n\n  # the same again\n  c: {d: 1}", "c", (2, 5)),
        ("b: [{c: 1}, {c: 1, c: 2}]", "c", (1, 1)),
        ('{"b": {"c": 1,\n\t"c": 1}}', "c", (1, 2)),
        ("b: {c: 1}\n'b':\n  c: 2", "b", (1, 2)),
    ],
)
def test_a_key_given_twice_is_named_with_its_file_and_both_lines(tmp_path, text, key, lines):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(
        ConfigurationError, match=rf"^{re.escape(str(path))}: {re.escape(key)} .*\b{lines[0]} and {lines[1]}\b"
    ):
        check_files([ROOT / "config.yaml", path])


@pytest.mark.parametrize(
    ("content", "tells"),
    [
        (b"paper: {title: Z\xfcrich}", "position 16"),
        ("small: true".encode("utf-16"), "UTF-8"),
        (b"methods:\n\tmemory: {k: 3}", "line 2"),
        (b"a: [1, 2\nb: 3", "line 2"),
        (b"a: 1\n---\na: 2", "single document"),
        (b"a: *b", "line 1"),
        (b"a: 1\x00", "YAML"),
        (b"? [a, b]\n: 1", "line 1"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_file(tmp_path, content, tells):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"^{re.escape(str(path))}.*{re.escape(tells)}"):
        check_files([path])


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_what_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(ConfigurationError, match="expected a file"):
        check_files([tmp_path / name])


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfsmall: true\n",
        b"small: true\r\nsplit: test\r\n",
        "a: \u7d50".encode(),
        b"a: &x {c: 1}\nb: {<<: *x}",
    ],
)
def test_what_editors_write_is_taken(tmp_path, content):
    (tmp_path / "mine.yaml").write_bytes(content)
    check_files([tmp_path / "mine.yaml"])


def test_an_alias_of_aliases_is_read_once(tmp_path):
    letters = "abcdefghijklmnopqrstuvwxyz"
    rows = [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in itertools.pairwise(letters)]
    (tmp_path / "mine.yaml").write_text("\n".join(["a: &a [x, *a]", *rows]))
    check_files([tmp_path / "mine.yaml"])


def test_equal_keys_in_different_places_are_no_repetition(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: &x {c: 1}\nb: {a: *x, c: 2}\nd: [{c: 1}, {c: 2}, []]\ne:")
    (tmp_path / "empty.yaml").write_text("")
    check_files([path, tmp_path / "empty.yaml", *ROOT.glob("config/*.yaml"), *ROOT.glob("examples/*.yaml")])
