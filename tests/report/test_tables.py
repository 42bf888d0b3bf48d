"""Tables: what stands in their cells, and what is the same in every form."""

import csv

import pytest

from hsokv.report.cells import DASH, Key, add_footnotes, plain
from hsokv.report.document import write_tables
from hsokv.report.tables import TABLES, View, table_names
from hsokv.report.write import escape_markdown, table_to_csv, table_to_markdown
from tests.report.made import NO_DATA, TEXT, made_up

VIEW = View(made_up())
STREAMS = {name: about["stream"] for name, about in VIEW.benchmarks.items()}
NAMES = table_names(STREAMS, scaling=False)


def cell(table, row, column):
    return plain(table.frame[column].iloc[row], VIEW.numbers)


def test_a_cell_is_a_number_with_its_interval():
    assert cell(VIEW.table("main"), 0, "rare_words") == "60.0 [58.0, 62.0]"


def test_without_an_interval_the_number_stands_alone():
    assert plain(View(made_up(seeds=1)).table("main").frame["rare_words"].iloc[0], VIEW.numbers) == "60.0"


def test_what_was_not_run_says_why():
    assert cell(VIEW.table("main"), 0, "sst2") == f"not run: {NO_DATA}"


@pytest.mark.parametrize("name", NAMES)
def test_every_key_of_a_table_is_a_number(name):
    table = VIEW.table(name)
    keys = [part for row in table.rows for one in row for part in one if isinstance(part, Key)]
    assert all(key in VIEW.numbers for key in keys)
    assert plain(table.caption, VIEW.numbers)


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_is_empty_by_mistake(name):
    assert all(isinstance(one, tuple) for row in VIEW.table(name).rows for one in row)


def test_every_line_of_the_registry_makes_a_table_of_some_study():
    names = table_names(STREAMS, scaling=True)
    assert all(any(name.startswith(pattern.split("{")[0]) for name in names) for pattern in TABLES)


def test_a_shared_reason_is_told_once():
    table, shorten = add_footnotes(VIEW.table("main"), VIEW.numbers)
    assert shorten("", f"not run: {NO_DATA}") == "not run (a)"
    assert plain(table.note, VIEW.numbers).count(NO_DATA) == 1


def test_a_text_of_others_is_printed_as_it_is():
    page = table_to_csv(VIEW.table("most_read"), VIEW.numbers)
    assert TEXT in [value for row in csv.reader(page.splitlines()) for value in row]
    assert escape_markdown(TEXT) in table_to_markdown(VIEW.table("most_read"), VIEW.numbers, "md")


def test_a_small_run_says_so_in_every_table():
    view = View(made_up(small=True))
    assert all("small run" in plain(view.table(name).caption, view.numbers) for name in NAMES)


def test_every_form_has_every_cell(tmp_path):
    made_up().write(tmp_path / "statistics")
    targets = [tmp_path / f"main.{suffix}" for suffix in ("md", "csv", "tex")]
    write_tables(tmp_path / "statistics", targets)
    rows = list(csv.reader(targets[1].read_text().splitlines()))
    assert len(rows) == len(VIEW.study.about["arms"]) + 1
    for path in targets:
        assert path.read_text().count("58.0, 62.0") == sum("58.0, 62.0" in value for row in rows for value in row)


def test_what_a_benchmark_does_not_have_is_a_dash():
    study = made_up()
    study.about["benchmarks"]["rare_words"]["arms"] = ["full", "ridge"]
    assert plain(View(study).table("main").frame["rare_words"].iloc[1], VIEW.numbers) == DASH
