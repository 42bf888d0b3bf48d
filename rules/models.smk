# Input: records and features of one run. Output: {results}/models/<benchmark>/<arm>/seed<seed>/, for from_pretrained.
# Asked for by name, never made by the report; the condition is the first of the benchmark's headline.
rule export_model:
    input:
        records=f"{R}/records/{{benchmark}}/{{arm}}.jsonl",
        complete=f"{R}/records/{{benchmark}}/.{{arm}}.complete",
        features=lambda wildcards: features_of(wildcards.benchmark, wildcards.arm),
    output:
        directory(f"{R}/models/{{benchmark}}/{{arm}}/seed{{seed}}"),
    log:
        f"{R}/logs/export_model/{{benchmark}}.{{arm}}.seed{{seed}}.log",
    benchmark:
        f"{R}/benchmarks/export_model/{{benchmark}}.{{arm}}.seed{{seed}}.jsonl"
    wildcard_constraints:
        benchmark="|".join(BENCHMARKS),
        arm="|".join(METHODS),
        seed=r"\d+",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        definition=lambda wildcards: BENCHMARKS[wildcards.benchmark],
        features=lambda wildcards: f"{R}/features/{wildcards.benchmark}",
        small=config["small"],
        # With `output` as an argument it is not compared: the features say which encoder made them.
        encoder=lambda wildcards, output: headline_encoder(wildcards.benchmark),
        root=lambda wildcards, output: str(data_root() or ""),
        rows=lambda wildcards: BENCHMARKS[wildcards.benchmark].get(
            "development_rows", config["data"]["development_rows"]
        ),
        code=code_of(["hsokv.study.export"], [script_path("export_model.py")]),
    message:
        "{wildcards.benchmark}: {wildcards.arm} as a model, seed {wildcards.seed}"
    script:
        "scripts/export_model.py"
