"""Draw the shots of every seed of a few-shot task of images; encode them and the evaluation set."""

from pathlib import Path

from hsokv.files import read_json
from hsokv.study.digest import value_digest
from hsokv.study.encoders import encoder_source
from hsokv.study.image_shots import encode_shots
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        manifests = [read_json(Path(path)) for path in snakemake.input]
        encode_shots(
            seeds=params.seeds,
            conditions=params.conditions,
            source=params.source,
            root=Path(params.root) if params.root else None,
            num_patches=params.num_patches,
            encoder=encoder_source(params.encoder, params.encoder_folder) if params.encoder else None,
            split=params.split,
            development_images=params.development_images,
            manifests=tuple(manifests),
            folder=Path(snakemake.output[0]),
            stamp=value_digest(
                [
                    params.conditions,
                    params.encoder or params.num_patches,
                    params.split,
                    params.development_images,
                    params.device,
                    [manifest["files"] for manifest in manifests],
                    params.code,
                ]
            ),
            report=print,
            device=params.device,
        )
