# Input: every record. Output: {results}/statistics/*, {results}/tables/*, {results}/figures/*; nothing here trains.
from hsokv.analysis import frames
from hsokv.report.tables import table_names

STATISTICS = expand(f"{R}/statistics/{{name}}", name=[*frames.STATISTICS, frames.SUMS])
# How long the study took, measured once by the run that made all records, and kept; a small run is not timed.
TIME = [] if config["small"] else [f"{R}/time/study.json"]
TABLE_NAMES = table_names(
    {name: KINDS[definition["kind"]].protocol == "stream" for name, definition in BENCHMARKS.items()},
    scaling=bool(config["distributed"]),
)
# Every figure has a caption, and those of the distributed swarm need its measurement.
FIGURE_NAMES = [
    name
    for name in sorted(path.stem for path in (BASE / "report" / "captions").glob("*.rst"))
    if config["distributed"] or name not in ("learning", "scaling")
]
TABLES = expand(f"{R}/tables/{{name}}.{{suffix}}", name=TABLE_NAMES, suffix=["md", "tex", "csv"])
FIGURES = expand(f"{R}/figures/{{name}}.{{suffix}}", name=FIGURE_NAMES, suffix=["pdf", "png"])
STUDY = described_study(config, DIGEST)


rule compute_statistics:
    input:
        COMPLETE,
        records=RECORDS,
        scaling=SCALING,
    output:
        statistics=STATISTICS,
        time=update(TIME),
    log:
        f"{R}/logs/compute_statistics.log",
    benchmark:
        f"{R}/benchmarks/compute_statistics.jsonl"
    conda:
        ENVIRONMENT
    params:
        study=STUDY,
        code=code_of("compute_statistics", "hsokv.analysis.statistics"),
    message:
        f"Statistics of {R}/records"
    script:
        "scripts/compute_statistics.py"


rule write_tables:
    input:
        STATISTICS,
    output:
        expand(f"{R}/tables/{{name}}.{{suffix}}", name=TABLE_NAMES, suffix=["md", "tex"]),
        [
            report(
                f"{R}/tables/{name}.csv",
                category="Tables",
                labels={"table": name.replace("_", " ")},
            )
            for name in TABLE_NAMES
        ],
    log:
        f"{R}/logs/write_tables.log",
    benchmark:
        f"{R}/benchmarks/write_tables.jsonl"
    conda:
        ENVIRONMENT
    params:
        code=code_of("write_tables", "hsokv.report.document"),
    message:
        "Tables"
    script:
        "scripts/write_tables.py"


# All of them in one job: a figure takes no longer to draw than its libraries take to load.
rule draw_figures:
    input:
        STATISTICS,
    output:
        expand(f"{R}/figures/{{name}}.pdf", name=FIGURE_NAMES),
        [
            report(
                f"{R}/figures/{name}.png",
                caption=BASE / "report" / "captions" / f"{name}.rst",
                category="Figures",
                labels={"figure": name.replace("_", " ")},
            )
            for name in FIGURE_NAMES
        ],
    log:
        f"{R}/logs/draw_figures.log",
    benchmark:
        f"{R}/benchmarks/draw_figures.jsonl"
    priority: 1  # the report waits for them, and for no table
    conda:
        ENVIRONMENT
    threads: 4
    params:
        code=code_of("draw_figures", "hsokv.report.figures"),
    message:
        "Figures"
    script:
        "scripts/draw_figures.py"
