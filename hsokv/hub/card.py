"""The model card: what the records say of the run that a model comes from, for people and for the hub."""

import json
from collections.abc import Mapping, Sequence
from typing import TypedDict

from hsokv import __version__

TAGS = ["hsokv", "key-value-memory"]
_USE = f"""## Use

    pip install "hsokv[hub]>={__version__}"

Then, without `trust_remote_code`:

    from hsokv.hub import HSOKVForSequenceClassification
    model = HSOKVForSequenceClassification.from_pretrained(".")

Models of texts also work as `pipeline("text-classification", ".")` of transformers, once `hsokv.hub` is imported.

The texts that it remembers stand in hsokv.json, for everyone who has this folder.

Cite H-SOKV by its CITATION.cff.
"""


class Run(TypedDict):
    """The run of the study that a model comes from, as its record has it.

    `scores` by seed, this one's first; `terms`: licence and citation of the data; `small`: of a small study.
    """

    benchmark: str
    condition: str
    arm: str
    seed: int
    version: str
    scores: Mapping[str, Mapping[str, float]]
    flops: Mapping[str, int]
    data: Mapping[str, object]
    terms: Mapping[str, str]
    small: bool


def model_card(run: Run | None, labels: Sequence[str]) -> str:
    """README.md of a model, with the hub's metadata before it; numbers are the records', as they are."""
    metadata: dict[str, object] = {"library_name": "transformers", "tags": TAGS}
    title, lines = "H-SOKV", ["Not from a run of the study: no score is known."]
    if run:
        metadata |= {"license": "mit", "datasets": [run["benchmark"]], "metrics": ["accuracy"]}
        title += f": {run['arm']} on {run['benchmark']} ({run['condition']}, seed {run['seed']})"
        lines = _run_lines(run)
    front = [f"{key}: {json.dumps(value)}" for key, value in metadata.items()]  # JSON is YAML
    return "\n".join(
        ["---", *front, "---", "", f"# {title}", "", f"Classes: {', '.join(labels)}.", "", *lines, "", _USE]
    )


def is_card(text: str) -> bool:
    """Whether a README.md is the card of such a model, and nobody's own."""
    return f"tags: {json.dumps(TAGS)}" in text


def _run_lines(run: Run) -> list[str]:
    data, flops, terms = run["data"], run["flops"], run["terms"]
    rows = [f"| {seed} | {score['accuracy']:.4f} | {score['log_loss']:.4f} |" for seed, score in run["scores"].items()]
    facts = [
        f"Tested on: {data['split']}" + (" (synthetic data)" if data["synthetic"] else ""),
        f"Floating-point operations, counted: {flops['spent']:.3g} of {flops['allowed']:.3g} allowed",
        f"Encoder: {data['encoder'].get('name', 'none')}",
        "From a small study, which shows that the machinery works and nothing else" if run["small"] else "",
        f"Note: {data['note']}" if "note" in data else "",
        f"Data: {data['name']}; licence: {terms['licence']}; {terms['citation']}" if terms else "",
        f"Made by hsokv {run['version']}",
    ]
    table = ["| seed | accuracy | log-loss (nats) |", "|---|---|---|", *rows]
    own = f"This model is that of seed {run['seed']}; each score is of one run, as its record has it."
    return [*table, "", own, "", *(f"- {fact}" for fact in facts if fact)]
