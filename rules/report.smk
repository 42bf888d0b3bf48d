# Input: statistics, figures and report/ (source, captions, bibliography, styles). Output: {results}/report/*.
from hsokv.report.pdf import has_tex

TEX = has_tex()
PAGES = expand(
    f"{R}/report/{{page}}",
    page=[
        "report.md",
        "report.tex",
        "report.html",
        "references.bib",
        "provenance.json",
    ],
)
REPORT = [*PAGES, *([f"{R}/report/report.pdf"] if TEX else [])]
SOURCES = sorted(path for path in (BASE / "report").rglob("*") if path.is_file())


rule write_report:
    input:
        FIGURES,
        records=RECORDS,
        measured=SCALING + TIME,
        statistics=STATISTICS,
    output:
        PAGES,
    log:
        f"{R}/logs/write_report.log",
    benchmark:
        f"{R}/benchmarks/write_report.jsonl"
    conda:
        ENVIRONMENT
    params:
        sources=files_digest(SOURCES, BASE),
        study=STUDY,
        paper=config["paper"],
        overlays=OVERLAYS,
        digest=DIGEST,
        code=code_of("write_report", "hsokv.report.document"),
    message:
        "Report"
    script:
        "scripts/write_report.py"


rule compile_pdf:
    input:
        rules.write_report.output,
        FIGURES,
    output:
        report(f"{R}/report/report.pdf", category="Report", labels={"page": "paper"}),
    log:
        f"{R}/logs/compile_pdf.log",
    benchmark:
        f"{R}/benchmarks/compile_pdf.jsonl"
    conda:
        ENVIRONMENT
    params:
        code=code_of("compile_pdf", "hsokv.report.pdf"),
    message:
        "PDF"
    script:
        "scripts/compile_pdf.py"


# Prints in the terminal; ends in an error where a criterion fails that `expected_failures` does not name.
rule validate:
    input:
        STATISTICS,
    log:
        f"{R}/logs/validation.txt",
    conda:
        ENVIRONMENT
    params:
        expected_failures=config["expected_failures"],
    message:
        "Criteria"
    script:
        "scripts/validate_study.py"
