"""Learn a patch dictionary on the pool of a few-shot task of images, draw the shots of every seed and encode them."""

from pathlib import Path

from hsokv.files import read_json
from hsokv.study.digest import value_digest
from hsokv.study.image_shots import encode_shots
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        data = read_json(Path(snakemake.input.data))
        encode_shots(
            seeds=params.seeds,
            conditions=params.conditions,
            source=params.source,
            root=Path(params.root) if params.root else None,
            centroids=params.centroids,
            evaluate_on=params.evaluate_on,
            development_images=params.development_images,
            data=data,
            folder=Path(snakemake.output[0]).parent,
            stamp=value_digest(
                [
                    params.conditions,
                    params.centroids,
                    params.evaluate_on,
                    params.development_images,
                    params.device,
                    data["files"],
                    params.code,
                ]
            ),
            report=print,
            device=params.device,
        )
