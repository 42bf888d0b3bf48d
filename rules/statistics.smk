# Input: every record. Output: {results}/statistics/*.json, {results}/tables/*, {results}/figures/*; nothing here trains.
TABLE_NAMES = [
    "main",
    "contrasts",
    "tracks",
    "memory",
    "occupancy",
    "mended",
    "mended_examples",
    "most_read",
    "regret",
    "swarm",
    "criteria",
    "published",
    "costs",
] + [
    f"{'stream' if KINDS[definition['kind']].protocol == 'stream' else 'conditions'}_{benchmark}"
    for benchmark, definition in BENCHMARKS.items()
]
FIGURE_NAMES = [
    "architecture",
    "accuracy",
    "contrasts",
    "memory",
    "rare_words_levels",
    "learning_curve",
    "streams",
    "flops",
    "regret",
    "swarm",
    "lineage",
]
STATISTICS = [
    f"{R}/statistics/statistics.json",
    f"{R}/statistics/criteria.json",
]
# How long the study took, measured once by the run that made all records, and kept; a small run is not timed.
TIME = [] if config["small"] else [f"{R}/time/study.json"]
TABLES = expand(
    f"{R}/tables/{{name}}.{{suffix}}", name=TABLE_NAMES, suffix=["md", "tex", "csv"]
)
FIGURES = expand(
    f"{R}/figures/{{name}}.{{suffix}}", name=FIGURE_NAMES, suffix=["pdf", "png"]
)
# What statistics depend on beside the records; the settings of methods are in the records.
STUDY = (
    {"digest": DIGEST}
    | {
        key: config[key]
        for key in (
            "small",
            "results",
            "evaluate_on",
            "variants",
            "baselines",
            "arms",
            "contrasts",
            "criteria",
        )
    }
    | {
        "benchmarks": {
            name: {
                key: list(definition.get(key, []))
                for key in ("seeds", "headline", "conditions", "controls")
            }
            | {
                "arms": arms_of(name),
                "protocol": KINDS[definition["kind"]].protocol,
                "shots": {
                    condition: settings["shots"]
                    for condition, settings in definition["conditions"].items()
                    if set(settings) == {"shots"}
                },
                "elsewhere": {
                    condition: overlay
                    for condition, overlay in definition.get("elsewhere", {}).items()
                    if condition not in definition["conditions"]
                },
            }
            for name, definition in BENCHMARKS.items()
        }
    }
)


rule compute_statistics:
    input:
        records=RECORDS,
        complete=COMPLETE,
        scaling=SCALING,
    output:
        statistics=f"{R}/statistics/statistics.json",
        criteria=f"{R}/statistics/criteria.json",
        time=update(TIME),
    log:
        f"{R}/logs/compute_statistics.log",
    benchmark:
        f"{R}/benchmarks/compute_statistics.jsonl"
    conda:
        ENVIRONMENT
    params:
        study=STUDY,
        # With `output` as an argument a parameter is not compared.
        start=lambda wildcards, output: BEGAN[0],
        cores=lambda wildcards, output: workflow.resource_settings.cores,
        code=code_of(
            ["hsokv.reporting.statistics"], [script_path("compute_statistics.py")]
        ),
    message:
        f"Statistics of {R}/records"
    script:
        "scripts/compute_statistics.py"


rule write_tables:
    input:
        rules.compute_statistics.output,
    output:
        expand(
            f"{R}/tables/{{name}}.{{suffix}}", name=TABLE_NAMES, suffix=["md", "tex"]
        ),
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
        code=code_of(
            ["hsokv.reporting.table_files"],
            [script_path("write_tables.py")],
        ),
    message:
        "Tables"
    script:
        "scripts/write_tables.py"


DRAWING = code_of(["hsokv.reporting.figures"], [script_path("draw_figure.py")])
# A rule each, since a caption in Snakemake's own report belongs to a rule.
for name in FIGURE_NAMES:

    rule:
        name:
            f"draw_{name}"
        input:
            statistics=f"{R}/statistics/statistics.json",
        output:
            pdf=f"{R}/figures/{name}.pdf",
            png=report(
                f"{R}/figures/{name}.png",
                caption=BASE / "report" / "captions" / f"{name}.rst",
                category="Figures",
                labels={"figure": name.replace("_", " ")},
            ),
        log:
            f"{R}/logs/draw_figure/{name}.log",
        benchmark:
            f"{R}/benchmarks/draw_figure/{name}.jsonl"
        conda:
            ENVIRONMENT
        params:
            name=name,
            code=DRAWING,
        message:
            f"Figure {name}"
        script:
            "scripts/draw_figure.py"
