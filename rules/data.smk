# Input: a user's own copies (data.root, HSOKV_DATA_DIR) or the network.
# Output: {results}/data/<source>.json and text_encoder.json: what was found, with checksums, or `not run` and why.


rule fetch_data:
    output:
        f"{R}/data/{{source}}.json",
    log:
        f"{R}/logs/fetch_data/{{source}}.log",
    benchmark:
        f"{R}/benchmarks/fetch_data/{{source}}.jsonl"
    conda:
        ENVIRONMENT
    params:
        # With `output` as an argument a parameter is not compared: a folder that moved makes nothing stale.
        root=lambda wildcards, output: str(data_root(config["data"]["root"]) or ""),
        encoder_folder=lambda wildcards, output: config["encoder"]["folder"],
        found=lambda wildcards: DATA.get(wildcards.source),
        # What was not to be had is looked for again on every run.
        attempt=lambda wildcards: attempt(Path(f"{R}/data/{wildcards.source}.json")),
        code=code_digest(
            ["hsokv.data.sources", "hsokv.model.text_encoder"],
            [script_path("fetch_data.py")],
        ),
    message:
        "Looking for {wildcards.source}"
    script:
        "scripts/fetch_data.py"
