# Input: {results}/data/*.json. Output: {results}/features/<benchmark>/<encoding>/: seed<seed>.npz for every seed, and beside
# them what seeds share: evaluation.npz (a test set), images.npz (a stream's own). An encoding is the features that some
# conditions share: `default`, the name of another encoder, or the name of the condition that an encoder is tuned for.


# `update`: files of other seeds stay; the second output tells a job that failed, as in training.smk.
rule encode:
    input:
        lambda wildcards: expand(f"{R}/data/.{{name}}.complete", name=encoding_in(wildcards).data),
        manifests=lambda wildcards: expand(f"{R}/data/{{name}}.json", name=encoding_in(wildcards).data),
    output:
        update(directory(f"{R}/features/{{benchmark}}/{{encoding}}")),
        touch(f"{R}/features/{{benchmark}}/.{{encoding}}.complete"),
    log:
        f"{R}/logs/encode/{{benchmark}}.{{encoding}}.log",
    benchmark:
        f"{R}/benchmarks/encode/{{benchmark}}.{{encoding}}.jsonl"
    conda:
        ENVIRONMENT
    threads: 1
    params:
        function=lambda wildcards: encoding_in(wildcards).function,
        encoder=lambda wildcards: encoding_in(wildcards).encoder,
        seeds=lambda wildcards: BENCHMARKS[wildcards.benchmark]["seeds"],
        settings=lambda wildcards: encoding_in(wildcards).settings,
        code=lambda wildcards: code_digest(
            [encoding_in(wildcards).function.rpartition(".")[0]],
            [script_path("encode")],
        ),
    message:
        "{wildcards.benchmark}, {wildcards.encoding}: drawing and encoding for every seed"
    script:
        "scripts/encode.py"
