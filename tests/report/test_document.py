"""The report in its three forms: one source, the same numbers, the same bytes."""

import json
import re
import shutil
from dataclasses import replace

import pytest

from hsokv.analysis.frames import Study
from hsokv.analysis.numbers import Numbers
from hsokv.exceptions import ConfigurationError, HsokvError
from hsokv.report import document
from hsokv.report.document import write_tables
from hsokv.report.figures import draw
from hsokv.report.findings import findings, lead
from hsokv.report.provenance import trace
from hsokv.report.tables import table_names
from tests.analysis.study import analysed, configuration, record, with_arms
from tests.analysis.study import not_run as absent
from tests.report.made import NO_DATA, PAPER, TEXT, made_up, write


def pages(folder):
    return {form: (folder / "report" / f"report.{form}").read_text() for form in ("md", "tex", "html")}


def test_every_number_of_the_page_is_the_one_of_its_key(folder):
    numbers = Numbers(Study.read(folder / "statistics"))
    shown = re.findall(r'<span class="number" data-key="([^"]+)">(.*?)</span>', pages(folder)["html"])
    assert len(shown) > 100
    for key, text in shown:
        assert text == numbers[key].text or numbers[key].status != "done"


def test_every_printed_number_has_its_provenance(folder):
    kept = json.loads((folder / "report" / "provenance.json").read_text())
    page = pages(folder)["html"]
    keys = set(re.findall(r'data-key="([^"]+)"', page))
    carried = json.loads(re.search(r'<script type="application/json" id="provenance">(.*?)</script>', page)[1])
    assert keys <= carried["numbers"].keys()
    assert carried["numbers"] == kept["numbers"]
    assert all(len(checksum) == 64 for checksum in kept["records"].values())


def test_the_forms_print_the_same_numbers(folder):
    page = pages(folder)
    for text in ("60.0 [58.0, 62.0]", "0.030"):
        assert text in page["md"]
        assert text in page["tex"]
        assert text in re.sub("<[^>]+>", "", page["html"])


def test_every_reference_has_its_figure_or_table(folder):
    page = pages(folder)
    assert not re.search(r"(Figure|Table)\W+0\b", page["md"])
    assert set(re.findall(r"\\ref\{(.*?)\}", page["tex"])) <= set(re.findall(r"\\label\{(.*?)\}", page["tex"]))
    assert set(re.findall(r'href="#(.*?)"', page["html"])) <= set(re.findall(r'id="(.*?)"', page["html"]))


def test_a_text_of_others_stands_in_every_form(folder):
    page = pages(folder)
    assert TEXT.replace("&", "&amp;").replace("<", "&lt;") in page["html"]
    assert "王伟" in page["md"]
    assert "王伟" in page["tex"]


def test_what_was_not_run_says_why_in_every_form(folder):
    assert all(NO_DATA in page for page in pages(folder).values())


def test_the_page_loads_nothing(folder):
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', re.sub(r"<a [^>]*>", "", pages(folder)["html"]))


def test_the_same_study_gives_the_same_bytes(folder, tmp_path):
    write(tmp_path, made_up())
    for path in (folder / "report").iterdir():
        if path.suffix in (".md", ".tex", ".html", ".json", ".bib"):
            assert (tmp_path / "report" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize(("best", "words"), [(0.1, "better than"), (-0.1, "worse than"), (0.0, "no different from")])
def test_the_first_sentence_says_how_it_stands_to_the_best_plain_baseline(best, words):
    study = made_up(best=best)
    assert findings(study)[0].best.relation == words.removesuffix(" than").removesuffix(" from")
    assert words in lead(findings(study)).split(".")[0]


def test_joint_is_no_baseline_and_stand_ins_come_last():
    found = findings(made_up())
    assert all(one.best.arm != "joint" for one in found if one.best)
    assert found[-1].synthetic
    assert not any(one.synthetic for one in found[:-1])


def test_an_abstract_with_an_unknown_number_names_the_nearest(tmp_path):
    paper = PAPER | {"abstract": "{rare_words.headline.full.acuracy}"}
    with pytest.raises(ConfigurationError, match=r"rare_words\.headline\.full\.accuracy"):
        write(tmp_path, made_up(), paper)


def test_the_lead_is_in_an_abstract_that_does_not_name_it(tmp_path):
    page = (write(tmp_path, made_up(best=-0.1), PAPER | {"abstract": "We ask."}) / "report.md").read_text()
    assert "worse than" in page[: page.index("Introduction")]


def test_without_pandoc_there_is_still_a_report(tmp_path, monkeypatch):
    monkeypatch.setattr(document, "_pandoc", lambda: None)
    with pytest.raises(HsokvError, match="pypandoc-binary"):
        write(tmp_path, made_up())
    assert "60.0" in (tmp_path / "report" / "report.md").read_text()


def test_a_number_is_traced_to_lines_code_and_command(folder):
    found = trace(
        "rare_words.headline.full.accuracy.mean", folder / "statistics", folder / "report" / "provenance.json"
    )
    (record,) = found["records"]
    assert record["path"] == "results/records/rare_words/full.jsonl"
    assert record["lines"] == [1, 2]
    assert record["sha256"]
    assert found["interval"] == pytest.approx([0.58, 0.62])
    assert found["codes"] == ["code-rare_words"]
    assert found["printed"]
    assert "config/own.yaml" in found["command"]


def test_a_printed_text_is_traced_to_its_keys(folder):
    with pytest.raises(ConfigurationError, match=r"rare_words\.headline\.full\.accuracy\.mean"):
        trace("60.0", folder / "statistics", folder / "report" / "provenance.json")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("report/provenance.json", lambda text: "[]"),
        ("report/provenance.json", lambda text: text.replace('"records"', '"record"')),
        ("statistics/study.json", lambda text: text.replace('"benchmarks"', '"benchmark"')),
    ],
)
def test_damaged_files_of_a_report_are_refused_by_name(folder, tmp_path, name, change):
    results = tmp_path / "results"
    shutil.copytree(folder, results)
    kept = (results / name).read_text()
    assert change(kept) != kept
    (results / name).write_text(change(kept))
    with pytest.raises(HsokvError, match=name.split("/")[0]):
        trace("rare_words.headline.full.accuracy.mean", results / "statistics", results / "report" / "provenance.json")


def of_hits(share, examples=20):
    """Makes records of which this share of the test examples is right, and every score as high."""

    def make(*run):
        made = record(*run)
        outcomes = ("1" if share else "0") * examples
        return replace(made, scores=dict.fromkeys(made.scores, share), outcomes=outcomes)

    return make


ALONE = {"variants": ["full"], "baselines": [], "contrasts": []}
POOR = {  # changes of the configuration, seeds, and what makes a record
    "one seed": ({}, [13], record),
    "one arm": (with_arms(["full"], **ALONE), None, record),
    "a baseline alone": (with_arms(["knn"], **ALONE | {"variants": [], "baselines": ["knn"]}), None, record),
    "all right": ({}, None, of_hits(1.0)),
    "all wrong": ({}, None, of_hits(0.0)),
    "one test example": ({}, None, of_hits(1.0, examples=1)),
    "nothing run": ({}, None, absent),
}


@pytest.mark.parametrize(("changes", "seeds", "make"), POOR.values(), ids=POOR)
def test_a_study_that_has_little_has_a_report(changes, seeds, make, tmp_path):
    study = configuration(**changes)
    for benchmark in study["benchmarks"].values():
        benchmark |= {"seeds": seeds or benchmark["seeds"]}
    result = analysed(study, make)
    report = write(tmp_path, result, PAPER | {"abstract": "We ask."})
    names = table_names(dict.fromkeys(study["benchmarks"], False), scaling=False)
    write_tables(tmp_path / "statistics", [tmp_path / f"{name}.tex" for name in names])
    draw(tmp_path / "statistics", [tmp_path / f"{name}.png" for name in ("accuracy", "contrasts", "memory")])
    assert "nan" not in (report / "report.md").read_text().split()
