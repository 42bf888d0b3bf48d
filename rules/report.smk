# Input: statistics, tables, figures and report/ (templates, captions, bibliography). Output: {results}/report/*.
TEX = shutil.which("latexmk") and shutil.which("pdflatex")
PAGES = expand(
    f"{R}/report/{{page}}",
    page=["report.md", "report.tex", "numbers.tex", "references.bib"],
)
REPORT = [*PAGES, *([f"{R}/report/report.pdf"] if TEX else [])]
SOURCES = sorted(path for path in (BASE / "report").rglob("*") if path.is_file())


rule render_report:
    input:
        FIGURES,
        SCALING_SHOWN,
        records=RECORDS,
        scaling=SCALING,
        statistics=f"{R}/statistics/statistics.json",
        criteria=f"{R}/statistics/criteria.json",
    output:
        PAGES,
    log:
        f"{R}/logs/render_report.log",
    benchmark:
        f"{R}/benchmarks/render_report.jsonl"
    conda:
        ENVIRONMENT
    params:
        templates=lambda wildcards, output: str(BASE / "report"),  # moved: not stale
        sources=files_digest(SOURCES, BASE),
        study=STUDY,
        digest=value_digest(
            {
                key: value
                for key, value in config.items()
                if key
                not in ("data", "encoder", "results", "arms", "minutes", "cartpole")
            }
            | {
                key: value
                for key, value in config["data"].items()
                if key.startswith("development")
            }
        ),
        code=code_digest(["hsokv.reporting.render"], [script_path("render_report.py")]),
    message:
        "Report"
    script:
        "scripts/render_report.py"


rule compile_pdf:
    input:
        rules.render_report.output,
        FIGURES,
        SCALING_SHOWN,
    output:
        f"{R}/report/report.pdf",
    log:
        f"{R}/logs/compile_pdf.log",
    benchmark:
        f"{R}/benchmarks/compile_pdf.jsonl"
    conda:
        ENVIRONMENT
    params:
        code=code_digest(["hsokv.reporting.pdf"], [script_path("compile_pdf.py")]),
    message:
        "PDF"
    script:
        "scripts/compile_pdf.py"
