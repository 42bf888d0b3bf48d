"""Train the context encoders of every seed of a words benchmark and write its features."""

from pathlib import Path

from hsokv.study.digest import value_digest
from hsokv.study.job import job
from hsokv.study.rare_words import encode_seeds

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        encode_seeds(
            seeds=params.seeds,
            world=params.world,
            encoder_steps=params.encoder_steps,
            conditions=params.conditions,
            keys=params.keys,
            maps=params.maps,
            folder=Path(snakemake.output[0]),
            stamp=value_digest(
                [params.world, params.encoder_steps, params.conditions, params.keys, params.maps, params.code]
            ),
            report=print,
        )
