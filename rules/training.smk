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
        arm="|".join(config["arms"]),
    priority: -1  # after all of `encode`, whose jobs are the longest: so no core waits for one at the end
    conda:
        ENVIRONMENT
    threads: 1
    params:
        module=lambda wildcards: module_of(wildcards.arm, KINDS[BENCHMARKS[wildcards.benchmark]["kind"]].protocol),
        settings=lambda wildcards: {
            name: config["methods"][name] for name in settings_of(BENCHMARKS[wildcards.benchmark], wildcards.arm)
        },
        task=lambda wildcards: task_of(BENCHMARKS[wildcards.benchmark], wildcards.arm, DEVICE),
        seeds=lambda wildcards: BENCHMARKS[wildcards.benchmark]["seeds"],
        code=code_of_arm,
    message:
        "{wildcards.benchmark}: {wildcards.arm}"
    script:
        "scripts/run_arm.py"


# Readers of the words themselves, recorded like every arm.
rule run_control:
    output:
        update(f"{R}/records/{{benchmark}}/{{control}}.jsonl"),
        touch(f"{R}/records/{{benchmark}}/.{{control}}.complete"),
    log:
        f"{R}/logs/run_control/{{benchmark}}.{{control}}.log",
    wildcard_constraints:
        control="|".join(CONTROLS) or "(?!)",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        seeds=lambda wildcards: BENCHMARKS[wildcards.benchmark]["seeds"],
        world=lambda wildcards: BENCHMARKS[wildcards.benchmark]["world"],
        conditions=lambda wildcards: BENCHMARKS[wildcards.benchmark]["conditions"],
        code=code_of("run_control", "hsokv.study.controls"),
    message:
        "{wildcards.benchmark}: {wildcards.control}, a control"
    script:
        "scripts/run_control.py"


# For from_pretrained; asked for by name, never made by the report. The condition is the headline's first.
rule export_model:
    input:
        f"{R}/records/{{benchmark}}/.{{arm}}.complete",
        lambda wildcards: features_of(wildcards.benchmark, wildcards.arm, wildcards.seed),
        records=f"{R}/records/{{benchmark}}/{{arm}}.jsonl",
    output:
        directory(f"{R}/models/{{benchmark}}/{{arm}}/seed{{seed}}"),
    log:
        f"{R}/logs/export_model/{{benchmark}}.{{arm}}.seed{{seed}}.log",
    wildcard_constraints:
        seed="|".join(SEEDS),
    conda:
        ENVIRONMENT
    threads: 1
    params:
        definition=lambda wildcards: config["data"] | BENCHMARKS[wildcards.benchmark],
        small=config["small"],
        encoder=lambda wildcards: headline_encoding(wildcards.benchmark).encoder,
        code=code_of("export_model", "hsokv.study.export"),
    message:
        "{wildcards.benchmark}: {wildcards.arm} as a model, seed {wildcards.seed}"
    script:
        "scripts/export_model.py"
