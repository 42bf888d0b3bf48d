"""What a study says in the terminal when it ends."""

from pathlib import Path

from hsokv.files import read_json


def summary(results: Path, pdf: bool, minutes: float) -> str:
    """Verdict lines, what was not run and why, the time, and where the report lies; from the files in `results`."""
    criteria = read_json(results / "statistics" / "criteria.json")
    statistics = read_json(results / "statistics" / "statistics.json")
    width = max((len(entry["name"]) for entry in criteria), default=0)
    heading = "The study's criteria:" if criteria else "The study has no criteria."
    lines = ["", "Small run, not the study." if statistics["small"] else heading]
    for entry in criteria:
        lines.append(f"  {entry['verdict']:<12}  {entry['name']:<{width}}  {entry['reason']}")
    absent = {(row["benchmark"], row["reason"]) for row in statistics["scores"] if row["status"] != "done"}
    lines += [f"  {benchmark} was not run: {reason}" for benchmark, reason in sorted(absent)]
    pages = [results / "report" / name for name in ("report.md", "report.pdf" if pdf else "report.tex")]
    there = ", ".join(str(page) for page in pages if page.exists())
    lines.append(f"Time: {minutes:.1f} minutes")
    lines.append(f"Report: {there or 'not asked for; `snakemake --cores 4 report` makes it'}")
    if not pdf:
        lines.append("No PDF: install latexmk, texlive-latex-recommended and texlive-fonts-recommended, and run again.")
    return "\n".join(lines)
