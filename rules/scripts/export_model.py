"""Save one run as a model that `HSOKVForSequenceClassification.from_pretrained` loads."""

from pathlib import Path

from hsokv.machine import data_root
from hsokv.records import read_records
from hsokv.study.encoders import encoder_source
from hsokv.study.export import Texts, export_model
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, results = snakemake.params, Path(snakemake.output[0]).parents[3]
        definition, texts = params.definition, None
        if params.encoder:
            source = encoder_source(snakemake.config["encoders"][params.encoder])
            texts = Texts(source, data_root(), definition["validation_rows"])
        headline = definition["headline"][0]
        runs = {run.seed: run for run in read_records(snakemake.input.records) if run.condition == headline}
        scores = {seed: run.scores for seed, run in runs.items() if run.scores}
        features = results / "features" / snakemake.wildcards.benchmark
        run = runs[int(snakemake.wildcards.seed)]
        export_model(run, definition, features, scores, texts, params.small).save_pretrained(snakemake.output[0])
