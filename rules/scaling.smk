# Input: nothing. Output: {results}/scaling/measured.json and projected.json.
# What is measured is kept: only its absence makes it anew. It takes all cores, so that nothing runs beside it.
SCALING = expand(
    f"{R}/scaling/{{name}}.json",
    name=["measured", "projected"] if config["distributed"] else [],
)


# Without parameters: no change of settings or code measures again.
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
    conda:
        ENVIRONMENT
    params:
        settings=config["distributed"] and config["distributed"]["projection"],
        code=code_of("project_scaling", "hsokv.distributed.simulation"),
    message:
        "Projecting the distributed swarm to more nodes"
    script:
        "scripts/project_scaling.py"


rule scaling:
    input:
        SCALING,
    message:
        "The distributed swarm, where the study measures it: {input}"
