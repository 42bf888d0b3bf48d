"""Save one run as a model that `HSOKVForSequenceClassification.from_pretrained` loads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hsokv.machine import data_root
from hsokv.records import read_records
from hsokv.study.encoders import encoder_source
from hsokv.study.export import Texts, export_model
from hsokv.study.job import job


def main(
    records: str, seed: int, definition: Mapping[str, Any], features: Path, texts: Texts | None, small: bool
) -> Any:
    """The model of the run with `seed` under the first condition of the headline, of the arm with these `records`."""
    headline = definition["headline"][0]
    found = {record.seed: record for record in read_records(records) if record.condition == headline}
    scores = {number: record.scores for number, record in found.items() if record.scores}
    return export_model(found[seed], definition, features, scores, texts, small)


if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, results = snakemake.params, Path(snakemake.output[0]).parents[3]
        configuration, texts = snakemake.config, None
        if params.encoder:
            source = encoder_source(configuration["encoders"][params.encoder])
            rows = params.definition["validation_rows"]
            texts = Texts(source, data_root(), rows)
        model = main(
            snakemake.input.records,
            int(snakemake.wildcards.seed),
            params.definition,
            results / "features" / snakemake.wildcards.benchmark,
            texts,
            params.small,
        )
        model.save_pretrained(snakemake.output[0])
