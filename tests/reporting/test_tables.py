import csv
import io

import pytest

from hsokv.reporting import tables
from hsokv.reporting.criteria import judge_criteria
from hsokv.reporting.layout import lay_out
from hsokv.reporting.statistics import compute_statistics
from hsokv.reporting.tables import Table

from .study import configuration, not_run, record, records


def study(asked: dict, make=record) -> dict:
    return compute_statistics(records(asked, make), asked)


@pytest.fixture(scope="module")
def statistics() -> dict:
    return study(configuration(), lambda b, *run: (not_run if b == "sst2" else record)(b, *run))


def every(statistics: dict) -> list[Table]:
    return [
        tables.main_results(statistics),
        tables.conditions(statistics, "rare_words"),
        tables.memory(statistics),
        tables.contrasts(statistics),
        tables.criteria(statistics, judge_criteria(statistics, configuration())),
        tables.costs(statistics),
    ]


def test_main_results(statistics):
    table = tables.main_results(statistics)
    assert table.columns == ("arm", "rare_words", "sst2", "sst2_synthetic (synthetic stand-in)")
    assert [row[0] for row in table.rows] == ["full", "kv_only", "knn"]
    assert table.rows[0][1].startswith("75.8 [")
    assert {row[2] for row in table.rows} == {"not run: no data"}


def test_conditions_show_controls_and_mark_the_headline(statistics):
    table = tables.conditions(statistics, "rare_words")
    assert table.columns == ("arm", "two_senses_level1 †", "two_senses_level2 †", "one_sense_level1")
    assert table.rows[-1][0] == "chance (control)"
    assert "synthetic stand-in" in tables.conditions(statistics, "sst2_synthetic").caption


def test_memory_lists_the_arms_that_have_one(statistics):
    table = tables.memory(statistics)
    assert [row[:4] for row in table.rows[:2]] == [("rare_words", arm, "80.0", "20.0") for arm in ("full", "kv_only")]
    assert len(table.rows) == 4


def test_contrasts_show_p_for_the_family_alone(statistics):
    rows = {row[:2]: row[2:] for row in tables.contrasts(statistics).rows}
    assert rows["full minus kv_only", "rare_words"][0] == "+20.0 [+20.0, +20.0]"
    assert rows["full minus kv_only", "rare_words"][2:] == ("0.250", "0.500")
    assert rows["full minus knn", "rare_words"][2:] == ("", "")
    assert set(rows["full minus knn", "sst2"]) == {"not run: no data"}


def test_criteria_keep_their_verdicts_and_reasons(statistics):
    rows = {row[0]: row[1:] for row in tables.criteria(statistics, judge_criteria(statistics, configuration())).rows}
    assert rows["kv_hit_rate"][:4] == ("rare_words", "> 60.0", "80.0 [80.0, 80.0]", "pass")
    assert rows["lift"][1] == ">= 10.0"
    assert rows["few_shot"][2:] == ("", "not measured", "not run: no data")
    assert rows["bwt"][-1] == "split_cifar10 is not in this study's configuration"


def test_costs(statistics):
    assert tables.costs(statistics).rows[0] == ("rare_words", "full", "2.0e6", "1.5e6")


def test_every_table_of_a_small_run_says_so(statistics):
    for table in every(study(configuration(small=True))):
        assert "small run, not the study" in table.to_markdown()
        assert "small run, not the study" in lay_out(table, "tab:a")
    assert all("small run" not in table.to_markdown() for table in every(statistics))


def test_every_form_has_every_row(statistics):
    for table in every(statistics):
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert [tuple(row) for row in csv.reader(io.StringIO(table.to_csv()))] == [table.columns, *table.rows]
        assert sum(line.startswith("|") for line in table.to_markdown().splitlines()) == 2 + len(table.rows)


def test_markdown_by_hand():
    table = Table(("arm", "a|b"), (("kv_only", "-1.0 [-2.0, 0.5]"),), "5 %", "Note.")
    assert (
        table.to_markdown() == "**5 %**\n\n| arm | a\\|b |\n| --- | --- |\n| kv_only | -1.0 [-2.0, 0.5] |\n\n*Note.*\n"
    )


def test_latex_holds_every_row_escaped():
    table = Table(("arm", "a|b †"), (("kv_only", "-1.0 [-2.0, 0.5]"), ("x", "5 %")), "5 %", "Note.")
    latex = lay_out(table, "tab:a")
    assert latex.count(r"\\") == 1 + len(table.rows)
    assert r"$-$1.0 [$-$2.0, 0.5]" in latex
    assert r"5 \%" in latex
    assert r"\dag{}" in latex
    assert r"\label{tab:a}" in latex
