"""Store the images of a stream, for the arms that train the encoder."""

import json
from pathlib import Path

from hsokv.study.images import store_images
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        store_images(
            source=params.source,
            root=Path(params.root) if params.root else None,
            evaluate_on=params.evaluate_on,
            development_images=params.development_images,
            data=json.loads(Path(snakemake.input.data).read_text()),
            path=Path(snakemake.output[0]),
        )
