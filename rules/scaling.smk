# Input: nothing. Output: {results}/scaling/measured.json and projected.json.
# What is measured is kept: only its absence makes it anew. It takes all cores, so that nothing runs beside it.
SCALING = expand(
    f"{R}/scaling/{{name}}.json",
    name=["measured", "projected"] if config["distributed"] else [],
)

if config["distributed"]:

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
            settings=lambda wildcards, output: config["distributed"],
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
            settings=config["distributed"]["projection"],
            code=code_of(
                ["hsokv.distributed.simulation"], [script_path("project_scaling.py")]
            ),
        message:
            "Projecting the distributed swarm to more nodes"
        script:
            "scripts/project_scaling.py"


rule scaling:
    input:
        SCALING,
    message:
        "The distributed swarm is measured"
        if SCALING
        else "distributed: null, so nothing is measured"
