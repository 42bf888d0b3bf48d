"""Draw the shots of every seed and encode them and the evaluation set, by an encoder tuned for that where asked."""

from importlib import import_module
from pathlib import Path

from hsokv.files import read_json
from hsokv.study.digest import value_digest
from hsokv.study.encoders import encoder_source
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        encoder, data = (read_json(Path(path)) for path in (snakemake.input.encoder, snakemake.input.data))
        # Named and not imported: a change to how encoders are tuned makes nothing else stale.
        import_module(params.module).encode_shots(
            seeds=params.seeds,
            conditions=params.conditions,
            source=params.source,
            root=Path(params.root) if params.root else None,
            split=params.split,
            development_rows=params.development_rows,
            encoder=encoder_source(params.encoder, params.encoder_folder),
            manifests=(data, encoder),
            folder=Path(snakemake.output[0]),
            stamp=value_digest(
                [
                    params.conditions,
                    params.split,
                    params.development_rows,
                    data["files"],
                    params.source.get("columns"),
                    encoder["files"],
                    params.encoder,
                    params.options,
                    params.code,
                ]
            ),
            report=print,
            **params.options,
        )
