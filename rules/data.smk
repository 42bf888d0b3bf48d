# Input: a user's own copies (data.root, HSOKV_DATA_DIR) or the network.
# Output: {results}/data/<source>.json and text_encoder.json: what was found, with checksums, or `not run` and why.
from hsokv.study.benchmarks import manifest_of, source_of

# What the configuration says of each: its name, and the files and columns of a user's own.
SOURCES_OF = {
    manifest_of(name, definition): source_of(definition)
    for name, definition in BENCHMARKS.items()
}


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
        source=lambda wildcards: SOURCES_OF.get(
            wildcards.source, {"source": wildcards.source}
        ),
        found=lambda wildcards: DATA.get(wildcards.source),
        # What was not to be had is looked for again on every run.
        attempt=lambda wildcards: attempt(Path(f"{R}/data/{wildcards.source}.json")),
        code=code_digest(
            ["hsokv.data.sources", "hsokv.model.encoder_files"],
            [script_path("fetch_data.py")],
        ),
    message:
        "Looking for {wildcards.source}"
    script:
        "scripts/fetch_data.py"
