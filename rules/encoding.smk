# Input: {results}/data/*.json. Output: {results}/features/<benchmark>/<encoding>/: seed<seed>.npz for every seed, and beside
# them what seeds share: evaluation.npz (a test set), images.npz (a stream's own). An encoding is the features that some
# conditions share: `default`, the name of another encoder, or the name of the condition that an encoder is tuned for.


# `update`: files of other seeds stay; the second output tells a job that failed, as in training.smk.
rule encode:
    input:
        lambda wildcards: paths_of_data(wildcards, ".{name}.complete"),
        manifests=lambda wildcards: paths_of_data(wildcards, "{name}.json"),
    output:
        update(directory(f"{R}/features/{{benchmark}}/{{encoding}}")),
        touch(f"{R}/features/{{benchmark}}/.{{encoding}}.complete"),
    log:
        f"{R}/logs/encode/{{benchmark}}.{{encoding}}.log",
    benchmark:
        f"{R}/benchmarks/encode/{{benchmark}}.{{encoding}}.jsonl"
    wildcard_constraints:
        benchmark="|".join(BENCHMARKS),
    conda:
        ENVIRONMENT
    threads: 1
    params:
        function=encoding_function,
        encoder=encoder_in,
        seeds=lambda wildcards: BENCHMARKS[wildcards.benchmark]["seeds"],
        settings=encoding_settings,
        code=lambda wildcards: code_digest(
            [encoding_function(wildcards).rpartition(".")[0]], [script_path("encode")]
        ),
    message:
        "{wildcards.benchmark}, {wildcards.encoding}: drawing and encoding for every seed"
    script:
        "scripts/encode.py"
