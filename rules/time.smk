# Input: every record. Output: {results}/time/study.json: how long it took to make them all, once, and kept.
# Only its absence makes it anew. A small run is not timed, since it says nothing of the study.
TIME = [] if config["small"] else [f"{R}/time/study.json"]


if TIME:

    rule measure_time:
        input:
            ancient(RECORDS),
            ancient(SCALING),
        output:
            TIME,
        log:
            f"{R}/logs/measure_time.log",
        conda:
            ENVIRONMENT
        params:
            # With `output` as an argument a parameter is not compared: what was measured is kept.
            start=lambda wildcards, output: BEGAN[0],
            cores=lambda wildcards, output: workflow.cores,
            digest=lambda wildcards, output: DIGEST,
        message:
            "How long the study took"
        script:
            "scripts/measure_time.py"
