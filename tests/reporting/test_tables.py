import csv
import io
import re

import pytest

from hsokv.files import write_json
from hsokv.reporting import tables
from hsokv.reporting.criteria import judge_criteria
from hsokv.reporting.document import read_statistics
from hsokv.reporting.layout import lay_out, tidy
from hsokv.reporting.quoted import Quoted
from hsokv.reporting.statistics import compute_statistics
from hsokv.reporting.table import Table

from .study import configuration, not_run, record, records, searching, with_memory

READS = ("25.0", "60.0", "50.0")  # entries never read, reads of the most read entry, how many of these are right


def study(asked: dict, make=record) -> dict:
    return compute_statistics(records(asked, make), asked)


@pytest.fixture(scope="module")
def statistics() -> dict:
    return study(configuration(), lambda b, *run: (not_run if b == "sst2" else record)(b, *run))


@pytest.fixture(scope="module")
def remembering() -> dict:
    return study(configuration(), lambda b, *run: (not_run if b == "sst2" else with_memory)(b, *run))


def every(statistics: dict) -> list[Table]:
    return [
        tables.main_results(statistics),
        tables.conditions(statistics, "rare_words"),
        tables.memory(statistics),
        tables.occupancy(statistics),
        tables.most_read(statistics),
        tables.regret(statistics),
        tables.swarm(statistics),
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


def test_conditions_that_another_study_runs_are_named_as_not_run():
    asked = configuration()
    asked["benchmarks"]["sst2"]["elsewhere"] = {"shots16_contrast": "config/other.yaml"}
    note = "† counts in the headline. Not run in the default study: shots16_contrast (config/other.yaml)."
    assert tables.conditions(study(asked), "sst2").note == note
    assert "Not run" not in tables.conditions(study(asked), "sst2_synthetic").note


def test_memory_lists_the_arms_that_have_one(statistics):
    table = tables.memory(statistics)
    arms = [(b, a) for b in ("rare_words", "sst2", "sst2_synthetic (synthetic stand-in)") for a in ("full", "kv_only")]
    assert [row[:2] for row in table.rows] == arms
    assert table.rows[0][2:] == ("75.8 [68.7, 83.0]", "+50.8 [+43.7, +58.0]", "80.0 [80.0, 80.0]", "20.0", "", "", "")
    assert table.rows[2][2:] == ("not run: no data", *["\N{EN DASH}"] * 6)


def test_occupancy_and_the_most_read_entries(remembering):
    table = tables.occupancy(remembering)
    assert table.rows[0][2:] == ("4 of 8", "1 \N{EN DASH} 1 \N{EN DASH} 2", "25.0", "2.2 \N{EN DASH} 4", "2.8", *READS)
    assert [row[:3] for row in table.rows[2:4]] == [("sst2", arm, "not run: no data") for arm in ("full", "kv_only")]
    table = tables.most_read(remembering)
    assert table.rows[0] == ("rare_words", "0", "1", "1", "60.0", "50.0", "b")
    assert [row[-1] for row in table.rows] == ["b", "c", "a", "not run: no data", "b", "c", "a"]
    assert "rare_words two_senses_level1, seed 1; sst2_synthetic shots16, seed 13" in table.note


@pytest.mark.parametrize("make", [record, lambda *run: with_memory(*run, reads=[0] * 4, right=[0] * 4)])
def test_memories_that_were_not_read_or_tell_nothing_are_left_out_or_said(make):
    found = study(configuration(), make)
    rows = tables.most_read(found).rows
    assert {row[-1] for row in rows} <= {"not run: its records hold no reads of the memory"}
    assert len(tables.occupancy(found).rows) == 2 * len(rows)


def test_swarm_is_shown_where_there_is_one(statistics):
    assert tables.swarm(statistics).rows == ()
    scores = {"accuracy": 0.75, "diversity_initial": 0.9, "diversity": 0.5, "disagreement": 0.1}
    right = {"scores": scores, "outcomes": "1110" * 5}
    found = study(configuration(), lambda *run: record(*run, **right if run[2] == "full" else {}))
    cells = ("0.90", "0.50 [0.50, 0.50]", "0.10", "", "")
    assert tables.swarm(found).rows[0] == ("rare_words", "full", *cells)
    assert tables.regret(found).rows == ()


def test_regret_is_shown_for_arms_with_folds():
    found = study(configuration(), searching)
    assert [row[:2] for row in tables.regret(found).rows[:2]] == [("rare_words", "full"), ("rare_words", "kv_only")]
    cells = ("0.400 [0.400, 0.400]", "0.000 [0.000, 0.000]", "75.0")
    assert tables.regret(found).rows[0][2:] == cells
    assert tables.regret(found).rows[1][2:] == ("2.400 [2.400, 2.400]", "0.600 [0.600, 0.600]", "75.0")


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
    assert tables.costs(statistics).rows[0] == ("full", "1.5e6 of 2.0e6", "not run: no data", "1.5e6 of 2.0e6")


def test_every_table_of_a_small_run_says_so(statistics):
    for table in every(study(configuration(small=True))):
        assert "small run, not the study" in table.to_markdown()
        assert "small run, not the study" in lay_out(table, "tab:a")
    assert all("small run" not in table.to_markdown() for table in every(statistics))


def test_every_form_has_every_row(statistics, remembering):
    for table in [*every(statistics), *every(remembering)]:
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert [tuple(row) for row in csv.reader(io.StringIO(table.to_csv()))] == [table.columns, *table.rows]
        assert sum(line.startswith("|") for line in table.to_markdown().splitlines()) == 2 + len(table.rows)


def test_markdown_by_hand():
    table = Table(("arm", "a|b"), (("kv_only", "-1.0 [-2.0, 0.5]"),), "5 %", "Note.")
    assert (
        table.to_markdown() == "**5 %**\n\n| arm | a\\|b |\n| --- | --- |\n| kv_only | -1.0 [-2.0, 0.5] |\n\n*Note.*\n"
    )


def test_a_text_of_others_is_printed_as_it_was_written():
    text = Quoted("a_b | 5 % `x` *y* [z](u) <i> & $m$ \\ c: (synthetic stand-in)")
    table = tidy(Table(("arm", "text"), (("a", text), ("b", text)), "T", ""))
    assert table.note == ""
    quoted = r"a\_b \| 5 % \`x\` \*y\* \[z\](u) \<i\> \& \$m\$ \\ c: (synthetic stand-in)"
    assert f"| a | {quoted} |" in table.to_markdown()
    assert text in table.to_csv()
    latex = r"a\_\allowbreak{}b $|$ 5 \% \`{}x\`{} *y* [z](u) $<$i$>$ \& $\$$m$\$$ \textbackslash{} c:"
    assert latex in lay_out(table, "tab:a")


def test_latex_holds_every_row_escaped():
    table = Table(("arm", "a|b †"), (("kv_only", "-1.0 [-2.0, 0.5]"), ("x", "5 %")), "5 %", "Note.")
    latex = lay_out(table, "tab:a")
    assert re.findall(r"^(?:kv|x).*", latex, flags=re.MULTILINE) == [
        r"kv\_only & $-$1.0 [$-$2.0, 0.5] \\*",
        r"x & 5 \% \\*",
    ]
    assert r"5 \%. {\footnotesize Note.}" in latex
    assert r"$\dagger$" in latex
    assert r"\label{tab:a}" in latex


def test_benchmarks_stand_in_the_order_of_the_configuration(tmp_path):
    asked = configuration()
    asked["benchmarks"] = dict(reversed(asked["benchmarks"].items()))
    found = study(asked)
    write_json(tmp_path / "statistics.json", found)
    read = read_statistics(tmp_path / "statistics.json")
    assert read == found
    columns = [column.split()[0] for column in tables.main_results(read).columns]
    assert columns == ["arm", "sst2_synthetic", "sst2", "rare_words"]
