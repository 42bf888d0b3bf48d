# Input: a user's own copies (HSOKV_DATA_DIR) or the network.
# Output: {results}/data/<source>.json and encoder_<name>.json: what was found, with checksums, or `not run` and why.
from hsokv.study.benchmarks import manifest_of, source_of

# What the configuration says of each: its name, and where a user's own are; or an encoder.
SOURCES_OF = {
    manifest_of(name, definition): source_of(definition)
    for name, definition in BENCHMARKS.items()
} | {f"encoder_{name}": {"encoder": without_folder(name)} for name in ENCODERS}


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
        root=lambda wildcards, output: str(data_root() or ""),
        encoder_folder=lambda wildcards, output: ENCODERS.get(
            wildcards.source.removeprefix("encoder_"), {}
        ).get("folder"),
        source=lambda wildcards: SOURCES_OF.get(
            wildcards.source, {"source": wildcards.source}
        ),
        found=lambda wildcards: DATA.get(wildcards.source),
        # What was not to be had is looked for again: data on every run, an encoder on every run that reaches the hub.
        attempt=lambda wildcards: attempt(
            Path(f"{R}/data/{wildcards.source}.json"),
            in_reach if wildcards.source.startswith("encoder_") else lambda: True,
        ),
        code=code_of(
            ["hsokv.data.sources", "hsokv.encoders.files"],
            [script_path("fetch_data.py")],
        ),
    message:
        "Looking for {wildcards.source}"
    script:
        "scripts/fetch_data.py"
