"""What a study says in the terminal: its criteria with their evidence, and a summary when it ends."""

from collections.abc import Iterable
from pathlib import Path

from hsokv.analysis.frames import Study, criteria_entries
from hsokv.analysis.numbers import Numbers

MARKS = {"pass": "met", "fail": "NOT MET", "not measured": "not measured"}
MEANING = {  # what a verdict lets a reader conclude about the seeds and benchmarks of this study
    "pass": "This holds on other seeds of this benchmark. It says nothing about other benchmarks or encoders.",
    "fail": "This study does not show it. It is not shown to be false unless the interval says so.",
    "not measured": "Nothing can be concluded, either way.",
}
TIMED = "This is a timing on one machine; it does not transfer to others."
CLOCK = ("study", "cartpole")  # measured by a clock, not over seeds
NO_PDF = "No PDF: install latexmk, texlive-latex-recommended and texlive-fonts-recommended, and run again."


def validation_page(study: Study, allowed: Iterable[str]) -> str:
    """Each criterion in plain text: verdict, threshold, value and interval, reason, records, and what it decides."""
    numbers, allowed, lines = Numbers(study), set(allowed), []
    if study.about["small"]:
        lines += ["Small run, not the study: its verdicts show that the machinery works and nothing else.", ""]
    for entry in criteria_entries(study.criteria):
        name, verdict, measured = entry["name"], entry["verdict"], entry["value"] is not None
        threshold, value, low, high = (
            numbers[f"criteria.{name}.{end}"].text for end in ("threshold", "value", "low", "high")
        )
        known = " (known, allowed)" if verdict == "fail" and name in allowed else ""
        interval = f" [{low}, {high}]" if entry["interval"] else ""
        measurement = f", measured {value}{interval} {numbers[f'criteria.{name}.value'].unit}:" if measured else ";"
        lines += [
            f"{MARKS[verdict]}: {name}, on {entry['benchmark']}{known}",
            f"  threshold {entry['comparison']} {threshold}{measurement} {entry['reason']}",
            f"  evidence: {', '.join(entry['evidence']) or 'none'}",
            f"  {TIMED if measured and entry['benchmark'] in CLOCK else MEANING[verdict]}",
        ]
    counts = [f"{(study.criteria['verdict'] == verdict).sum()} {words}" for verdict, words in MARKS.items()]
    return "\n".join([*lines, "", ", ".join(counts).lower(), ""])


def summary(results: Path, pdf: bool) -> str:
    """Verdict lines, what was not run and why, and where the report lies; from the files in `results`."""
    study = Study.read(results / "statistics")
    criteria, scores = study.criteria, study.scores
    heading = "The study's criteria:" if len(criteria) else "The study has no criteria."
    lines = ["", "Small run, not the study." if study.about["small"] else heading]
    width = max(criteria["name"].str.len(), default=0)
    lines += [f"  {row.verdict:<12}  {row.name:<{width}}  {row.reason}" for row in criteria.itertuples(index=False)]
    absent = scores.loc[scores["status"] != "done", ["benchmark", "reason"]].drop_duplicates()
    lines += [f"  {benchmark} was not run: {reason}" for benchmark, reason in sorted(absent.itertuples(index=False))]
    pages = [results / "report" / name for name in ("report.html", "report.pdf" if pdf else "report.tex")]
    there = ", ".join(str(page) for page in pages if page.exists())
    lines.append(f"Report: {there or 'not made; `snakemake --cores 4 report` makes it'}")
    return "\n".join([*lines, *([] if pdf else [NO_PDF])])
