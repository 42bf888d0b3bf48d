# Input: {results}/features/<benchmark>/. Output: {results}/records/<benchmark>/<arm>.jsonl, a line a run.
# One job per benchmark and arm with its seeds inside: starting torch costs more than most runs.


# `update`: a file that stands is not deleted before the job, which keeps its lines. When a job fails, Snakemake restores
# such a file and counts the job as done; so what reads it asks for the second output too, which a job that failed lacks.
rule run_arm:
    input:
        lambda wildcards: features_of(wildcards.benchmark, wildcards.arm),
    output:
        update(f"{R}/records/{{benchmark}}/{{arm}}.jsonl"),
        touch(f"{R}/records/{{benchmark}}/.{{arm}}.complete"),
    log:
        f"{R}/logs/run_arm/{{benchmark}}.{{arm}}.log",
    benchmark:
        f"{R}/benchmarks/run_arm/{{benchmark}}.{{arm}}.jsonl"
    wildcard_constraints:
        benchmark="|".join(BENCHMARKS),
        arm="|".join(config["arms"]),
    conda:
        ENVIRONMENT
    threads: 1
    params:
        module=lambda wildcards: module_of(wildcards.arm),
        settings=lambda wildcards: {
            name: config["methods"][name] for name in METHODS[wildcards.arm].settings
        },
        task=lambda wildcards: task_of(
            BENCHMARKS[wildcards.benchmark], wildcards.arm, DEVICE
        ),
        seeds=lambda wildcards: BENCHMARKS[wildcards.benchmark]["seeds"],
        code=code_of_arm,
    message:
        "{wildcards.benchmark}: {wildcards.arm}"
    script:
        "scripts/run_arm.py"


# Readers of the words themselves, recorded like every arm. A constraint of no names would be none at all.
CONTROLS = {control for _, words in of_kind("words") for control in words["controls"]}
if CONTROLS:

    rule run_control:
        output:
            update(f"{R}/records/{{benchmark}}/{{control}}.jsonl"),
            touch(f"{R}/records/{{benchmark}}/.{{control}}.complete"),
        log:
            f"{R}/logs/run_control/{{benchmark}}.{{control}}.log",
        benchmark:
            f"{R}/benchmarks/run_control/{{benchmark}}.{{control}}.jsonl"
        wildcard_constraints:
            benchmark="|".join(name for name, _ in of_kind("words")),
            control="|".join(sorted(CONTROLS)),
        conda:
            ENVIRONMENT
        threads: 1
        params:
            seeds=lambda wildcards: BENCHMARKS[wildcards.benchmark]["seeds"],
            world=lambda wildcards: BENCHMARKS[wildcards.benchmark]["world"],
            conditions=lambda wildcards: BENCHMARKS[wildcards.benchmark]["conditions"],
            code=code_of(["hsokv.study.controls"], [script_path("run_control.py")]),
        message:
            "{wildcards.benchmark}: {wildcards.control}, a control"
        script:
            "scripts/run_control.py"
