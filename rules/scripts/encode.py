"""Draw what the arms learn from and encode it, for every seed of a benchmark."""

from importlib import import_module
from pathlib import Path

from hsokv.files import read_json
from hsokv.machine import data_root
from hsokv.study.digest import value_digest
from hsokv.study.encoders import encoder_source
from hsokv.study.features import Request
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        settings, manifests = dict(params.settings), [read_json(Path(path)) for path in snakemake.input.manifests]
        # Where a user's own files lie is no part of what features are made of; their checksums are.
        made_of = settings | {"source": settings.get("source", {}).get("columns")}
        stamp = value_digest([made_of, [manifest["files"] for manifest in manifests], params.code])
        if manifests:
            settings |= {"manifests": manifests, "root": data_root()}
        if encoder := settings.get("encoder"):
            folder = snakemake.config["encoders"][snakemake.params.encoder].get("folder")
            settings["encoder"] = encoder_source(encoder, folder)
        module, _, function = params.function.rpartition(".")
        # Named and not imported: a change to how encoders are tuned makes nothing else stale.
        encode = getattr(import_module(module), function)
        asked = {name: settings.pop(name) for name in Request._fields if name in settings}
        request = Request(params.seeds, Path(snakemake.output[0]), stamp, print, **asked)
        encode(request, **settings)
