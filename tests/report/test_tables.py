"""Tables: what stands in their cells, and what is the same in every form."""

import csv

import pytest

from hsokv.report.cells import DASH, Key, add_footnotes, plain
from hsokv.report.document import write_tables
from hsokv.report.tables import TABLES, View, table_names
from hsokv.report.write import escape_markdown, table_to_csv, table_to_markdown

from .made import NO_DATA, TEXT, made_up

VIEW = View(made_up())
NAMES = table_names({name: about["stream"] for name, about in VIEW.benchmarks.items()}, scaling=True)


def cell(view, row, column):
    return plain(view.table("main").frame[column].iloc[row], view.numbers)


def test_a_cell_is_a_number_with_its_interval_or_says_why_there_is_none():
    assert cell(VIEW, 0, "rare_words") == "61.7 [54.5, 68.8]"
    assert cell(View(made_up(seeds=1)), 0, "rare_words") == "60.0"
    assert cell(VIEW, 0, "sst2") == f"not run: {NO_DATA}"
    assert VIEW.accuracy("sst2", "headline", "chance") == (DASH,)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_of_a_table_is_a_number_and_a_small_run_says_so(name):
    table, small = VIEW.table(name), View(made_up(small=True))
    cells = [one for row in table.rows for one in row]
    assert all(isinstance(one, tuple) for one in cells)
    assert all(part in VIEW.numbers for one in cells for part in one if isinstance(part, Key))
    assert "small run" in plain(small.table(name).caption, small.numbers)


def test_every_line_of_the_registry_makes_a_table_of_some_study():
    assert all(any(name.startswith(pattern.split("{")[0]) for name in NAMES) for pattern in TABLES)


def test_a_shared_reason_is_told_once():
    table, shorten = add_footnotes(VIEW.table("main"), VIEW.numbers)
    assert shorten("", f"not run: {NO_DATA}") == "not run (a)"
    assert plain(table.note, VIEW.numbers).count(NO_DATA) == 1


def test_a_text_of_others_is_printed_as_it_is():
    page = table_to_csv(VIEW.table("most_read"), VIEW.numbers)
    assert TEXT in [value for row in csv.reader(page.splitlines()) for value in row]
    assert escape_markdown(TEXT) in table_to_markdown(VIEW.table("most_read"), VIEW.numbers, "md")


def test_every_form_has_every_cell(tmp_path):
    made_up().write(tmp_path / "statistics")
    targets = [tmp_path / f"main.{suffix}" for suffix in ("md", "csv", "tex")]
    write_tables(tmp_path / "statistics", targets)
    rows = list(csv.reader(targets[1].read_text().splitlines()))
    assert len(rows) == len(VIEW.study.about["arms"]) + 1
    for path in targets:
        assert path.read_text().count("54.5, 68.8") == sum("54.5, 68.8" in value for row in rows for value in row) > 0
