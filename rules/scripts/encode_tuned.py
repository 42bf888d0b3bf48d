"""Tune the text encoder for one condition, seed by seed, and write the features of its shots and of the test."""

import json
from pathlib import Path

from hsokv.study.digest import value_digest
from hsokv.study.encoders import encoder_source
from hsokv.study.job import job
from hsokv.study.tuned_text import encode_tuned

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        encoder, data = (json.loads(Path(path).read_text()) for path in (snakemake.input.encoder, snakemake.input.data))
        encode_tuned(
            seeds=params.seeds,
            name=params.condition_name,
            condition=params.condition,
            source=params.source,
            root=Path(params.root) if params.root else None,
            evaluate_on=params.evaluate_on,
            development_rows=params.development_rows,
            encoder=encoder_source(params.encoder, params.encoder_folder),
            manifests=(data, encoder),
            folder=Path(snakemake.output[0]).parent,
            stamp=value_digest(
                [
                    params.condition,
                    params.evaluate_on,
                    params.development_rows,
                    data["files"],
                    params.source.get("columns"),
                    encoder["files"],
                    params.encoder,
                    params.code,
                ]
            ),
            report=print,
        )
