# Input: nothing. Output: {results}/scaling/: measured.json and projected.json, tables and figures of them.
# What is measured is kept: only its absence makes it anew. It takes all cores, so that nothing runs beside it.
SCALING = expand(
    f"{R}/scaling/{{name}}.json",
    name=["measured", "projected"] if config["cartpole"] else [],
)
SCALING_SHOWN = expand(
    f"{R}/scaling/{{name}}",
    name=(
        [
            f"{name}.{suffix}"
            for names, suffixes in (
                (
                    ("sharing", "speed", "validation", "projection"),
                    ("md", "tex", "csv"),
                ),
                (("learning", "scaling"), ("pdf", "png")),
            )
            for name in names
            for suffix in suffixes
        ]
        if config["cartpole"]
        else []
    ),
)


if config["cartpole"]:

    rule measure_scaling:
        output:
            f"{R}/scaling/measured.json",
        log:
            f"{R}/logs/measure_scaling.log",
        benchmark:
            f"{R}/benchmarks/measure_scaling.jsonl"
        conda:
            ENVIRONMENT
        threads: workflow.resource_settings.cores or 2  # none on a cluster, nor for a page for browsers
        params:
            # With `output` as an argument a parameter is not compared: no change of settings or code remeasures.
            settings=lambda wildcards, output: config["cartpole"],
        message:
            "Measuring the distributed swarm, alone on the machine"
        script:
            "scripts/measure_scaling.py"

    rule project_scaling:
        input:
            f"{R}/scaling/measured.json",
        output:
            f"{R}/scaling/projected.json",
        log:
            f"{R}/logs/project_scaling.log",
        benchmark:
            f"{R}/benchmarks/project_scaling.jsonl"
        conda:
            ENVIRONMENT
        params:
            settings=config["cartpole"]["projection"],
            code=code_of(
                ["hsokv.distributed.projection"], [script_path("project_scaling.py")]
            ),
        message:
            "Projecting the distributed swarm to more nodes"
        script:
            "scripts/project_scaling.py"

    rule show_scaling:
        input:
            SCALING,
        output:
            [path for path in SCALING_SHOWN if not path.endswith(".png")],
            [
                report(
                    path,
                    caption=BASE / "report" / "captions" / f"{Path(path).stem}.rst",
                    category="Figures",
                    labels={"figure": f"{Path(path).stem} of the distributed swarm"},
                )
                for path in SCALING_SHOWN
                if path.endswith(".png")
            ],
        log:
            f"{R}/logs/show_scaling.log",
        benchmark:
            f"{R}/benchmarks/show_scaling.jsonl"
        conda:
            ENVIRONMENT
        params:
            code=code_of(
                [
                    "hsokv.reporting.scaling_figures",
                    "hsokv.reporting.scaling_tables",
                    "hsokv.reporting.layout",
                ],
                [script_path("show_scaling.py")],
            ),
        message:
            "Tables and figures of the distributed swarm"
        script:
            "scripts/show_scaling.py"


rule scaling:
    input:
        SCALING,
        SCALING_SHOWN,
    message:
        "The distributed swarm is measured"
        if SCALING
        else "cartpole: null, so nothing is measured"
