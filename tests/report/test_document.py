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
from tests.analysis.study import analysed, configuration, not_run, record, with_arms

from .made import NO_DATA, PAPER, TEXT, made_up, write

ACCURACY = "rare_words.headline.full.accuracy.mean"


def tracing(folder, name):
    return trace(name, folder / "statistics", folder / "report" / "provenance.json")


@pytest.fixture(scope="module")
def pages(folder):
    return {form: (folder / "report" / f"report.{form}").read_text() for form in ("md", "tex", "html")}


def test_every_number_is_that_of_its_key_in_every_form(folder, pages):
    numbers = Numbers(Study.read(folder / "statistics"))
    shown = re.findall(r'<span class="number" data-key="([^"]+)">(.*?)</span>', pages["html"])
    done = [(key, text) for key, text in shown if isinstance(numbers[key].value, int | float)]
    assert len(done) > 1000
    power = r"(?:\\times |~×~)10(?:\^|\\textsuperscript)\{(-?\d+)\}"  # noqa: RUF001
    tex = re.sub(power, r"e\1", pages["tex"].replace("$", ""))
    for key, text in done:
        assert text.replace("&lt;", "<") == numbers[key].text, key
        assert text in pages["md"] and text in tex, key  # noqa: PT018


def test_every_printed_number_has_its_provenance(folder, pages):
    kept = json.loads((folder / "report" / "provenance.json").read_text())
    keys = set(re.findall(r'data-key="([^"]+)"', pages["html"]))
    carried = json.loads(re.search(r'<script type="application/json" id="provenance">(.*?)</script>', pages["html"])[1])
    assert keys <= carried["numbers"].keys()
    assert carried["numbers"] == kept["numbers"]
    assert all(len(checksum) == 64 for checksum in kept["records"].values())


def test_every_reference_has_its_figure_or_table_and_the_page_loads_nothing(pages):
    assert not re.search(r"(Figure|Table)\W+0\b", pages["md"])
    for form, reference, label in (
        ("tex", r"\\ref\{(.*?)\}", r"\\label\{(.*?)\}"),
        ("html", r'href="#(.*?)"', r'id="(.*?)"'),
    ):
        assert set(re.findall(reference, pages[form])) <= set(re.findall(label, pages[form]))
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', re.sub(r"<a [^>]*>", "", pages["html"]))


def test_a_text_of_others_and_what_was_not_run_stand_in_every_form(pages):
    assert TEXT.replace("&", "&amp;").replace("<", "&lt;") in pages["html"]
    assert all("王伟" in page and NO_DATA in page for page in pages.values())


def test_the_same_study_gives_the_same_bytes(folder, tmp_path):
    write(tmp_path, made_up())
    for path in (folder / "report").glob("re*"):
        if path.suffix in (".md", ".tex", ".html", ".bib"):
            assert (tmp_path / "report" / path.name).read_bytes() == path.read_bytes(), path.name
    assert (tmp_path / "report/provenance.json").read_bytes() == (folder / "report/provenance.json").read_bytes()


@pytest.mark.parametrize(("best", "words"), [(2, "better than"), (-2, "worse than"), (0, "no different from")])
def test_the_first_sentence_says_how_it_stands_to_the_best_plain_baseline(best, words):
    found = findings(made_up(best=best))
    assert found[0].best.relation == words.removesuffix(" than").removesuffix(" from")
    assert words in lead(found).split(".")[0]
    assert all(one.best.arm != "joint" for one in found if one.best)
    assert [one.synthetic for one in found] == [False] * 3 + [True]  # stand-ins come last


def test_an_abstract_with_an_unknown_number_names_the_nearest(tmp_path):
    with pytest.raises(ConfigurationError, match=r"rare_words\.headline\.full\.accuracy"):
        write(tmp_path, made_up(), PAPER | {"abstract": "{rare_words.headline.full.acuracy}"})


def test_without_pandoc_there_is_still_a_report_and_its_abstract_has_the_lead(tmp_path, monkeypatch):
    monkeypatch.setattr(document, "_pandoc", lambda: None)
    with pytest.raises(HsokvError, match="pypandoc-binary"):
        write(tmp_path, made_up(best=-2), PAPER | {"abstract": "We ask."})
    page = (tmp_path / "report" / "report.md").read_text()
    assert "worse than" in page[: page.index("Introduction")]


def test_a_number_is_traced_to_lines_code_and_command_and_a_printed_text_to_its_keys(folder):
    found = tracing(folder, ACCURACY)
    (record,) = found["records"]
    assert (record["path"], record["lines"]) == ("results/records/rare_words/full.jsonl", [1, 2, 3])
    assert (len(record["sha256"]), found["codes"], found["printed"]) == (64, ["b"], True)
    assert found["interval"] == pytest.approx([0.545, 0.688], abs=1e-3)
    assert "config/own.yaml" in found["command"]
    with pytest.raises(ConfigurationError, match=ACCURACY):
        tracing(folder, "61.7")


@pytest.mark.parametrize(
    ("name", "was", "becomes"),
    [
        ("report/provenance.json", "{", "["),
        ("report/provenance.json", '"records"', '"record"'),
        ("statistics/study.json", '"benchmarks"', '"benchmark"'),
    ],
)
def test_damaged_files_of_a_report_are_refused_by_name(folder, tmp_path, name, was, becomes):
    for part in ("statistics", "report"):
        shutil.copytree(folder / part, tmp_path / part)
    path = tmp_path / name
    path.write_text(path.read_text().replace(was, becomes))
    with pytest.raises(HsokvError, match=name.split("/")[0]):
        tracing(tmp_path, ACCURACY)


def of_hits(share, examples=20):
    """Makes records of which this share of the test examples is right, and every score as high."""

    def make(*run):
        made = record(*run)
        outcomes = ("1" if share else "0") * examples
        return replace(made, scores=dict.fromkeys(made.scores, share), outcomes=outcomes)

    return make


ONE_SEED = configuration()
for benchmark in ONE_SEED["benchmarks"].values():
    benchmark["seeds"] = [13]
ALONE = {"variants": ["full"], "baselines": [], "contrasts": []}
POOR = {  # a configuration, and what makes a record
    "one seed": (ONE_SEED, record),
    "one arm": (with_arms(["full"], **ALONE), record),
    "a baseline alone": (with_arms(["knn"], **ALONE | {"variants": [], "baselines": ["knn"]}), record),
    "all right": (configuration(), of_hits(1.0)),
    "one wrong test example": (configuration(), of_hits(0.0, examples=1)),
    "nothing run": (configuration(), not_run),
}


@pytest.mark.parametrize(("study", "make"), POOR.values(), ids=POOR)
def test_a_study_that_has_little_has_a_report(study, make, tmp_path, monkeypatch):
    monkeypatch.setattr(document, "_pandoc", lambda: None)  # what it converts is the same page
    with pytest.raises(HsokvError, match="pandoc"):
        write(tmp_path, analysed(study, make), PAPER | {"abstract": "We ask."})
    names = table_names(dict.fromkeys(study["benchmarks"], False), scaling=False)
    write_tables(tmp_path / "statistics", [tmp_path / f"{name}.tex" for name in names])
    draw(tmp_path / "statistics", [tmp_path / f"{name}.png" for name in ("accuracy", "contrasts", "memory")])
    assert "nan" not in (tmp_path / "report" / "report.md").read_text().split()
