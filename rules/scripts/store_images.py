"""Store the images of a stream, for the arms that train the encoder."""

from pathlib import Path

from hsokv.files import read_json
from hsokv.study.images import store_images
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        store_images(
            source=params.source,
            root=Path(params.root) if params.root else None,
            split=params.split,
            development_images=params.development_images,
            data=read_json(Path(snakemake.input.data)),
            path=Path(snakemake.output[0]),
        )
