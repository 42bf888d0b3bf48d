# Input: a user's own files (HSOKV_DATA_DIR, an encoder's folder), else the network.
# Output: {results}/data/<source>.json and encoder_<name>.json: what was found, with checksums, or `not run` and why.
# A source that was not to be had is looked for again by `snakemake report --forcerun fetch_data`.

# What the configuration says of each: its name, and where a user's own are; or an encoder.
DATA_SOURCES = {
    manifest_of(name, definition): source_of(definition)
    for name, definition in BENCHMARKS.items()
    if "source" in definition
} | {f"encoder_{name}": {"encoder": described(config, name)} for name in ENCODERS}


# What the report asks for beside records: a source that was refused is looked at again by the next run.
FETCHED = expand(f"{R}/data/.{{source}}.complete", source=DATA_SOURCES)


# The first jobs of all. `update`: a source that is out of reach now stays what it was; the second output tells a job
# that failed, as in training.smk.
rule fetch_data:
    input:
        watched_files,
    output:
        update(f"{R}/data/{{source}}.json"),
        touch(f"{R}/data/.{{source}}.complete"),
    log:
        f"{R}/logs/fetch_data/{{source}}.log",
    priority: 1
    conda:
        ENVIRONMENT
    params:
        source=lambda wildcards: DATA_SOURCES.get(wildcards.source, {"source": wildcards.source}),
        asked=asked_of,
        content=content_of,
        code=code_of("fetch_data", "hsokv.study.data_manifest"),
    message:
        "Looking for {wildcards.source}"
    script:
        "scripts/fetch_data.py"
