"""Learn the patch dictionary of one seed of a stream of image classes, encode the images and write the features."""

from pathlib import Path

from hsokv.files import read_json
from hsokv.study.digest import value_digest
from hsokv.study.images import encode_stream
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        data = read_json(Path(snakemake.input.data))
        encode_stream(
            seed=int(snakemake.wildcards.seed),
            source=params.source,
            root=Path(params.root) if params.root else None,
            tasks=params.tasks,
            num_patches=params.num_patches,
            split=params.split,
            development_images=params.development_images,
            data=data,
            path=Path(snakemake.output[0]),
            stamp=value_digest(
                [
                    params.tasks,
                    params.num_patches,
                    params.split,
                    params.development_images,
                    params.device,
                    data["files"],
                    params.code,
                ]
            ),
            report=print,
            device=params.device,
        )
