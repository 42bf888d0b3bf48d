"""The model card: what the records say of the run that a model comes from, for people and for the hub."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hsokv import __version__


def model_card(run: Mapping[str, Any], labels: Sequence[str]) -> str:
    """README.md of a model, with the hub's metadata before it.

    `run` holds, where the model comes from the study: benchmark, condition, arm, seed, version, scores (by seed, this
    one's first), flops, data (of the record), terms (licence, citation), small. Numbers are the records', as they are.
    """
    names = ", ".join(labels)
    if "benchmark" not in run:
        return (
            f"{_metadata({})}\n# H-SOKV\n\nClasses: {names}. Not from a run of the study: no score is known.\n\n{_USE}"
        )
    data, flops = run["data"], run["flops"]
    title = f"{run['arm']} on {run['benchmark']} ({run['condition']}, seed {run['seed']})"
    rows = [f"| {seed} | {score['accuracy']:.4f} | {score['log_loss']:.4f} |" for seed, score in run["scores"].items()]
    told = [
        f"Tested on: {data['evaluate_on']}" + (" (synthetic data)" if data["synthetic"] else ""),
        f"Floating-point operations, counted: {flops['spent']:.3g} of {flops['allowed']:.3g} allowed",
        f"Encoder: {data['encoder'].get('name', 'none')}",
    ]
    if run["small"]:
        told.append("From a small study, which shows that the machinery works and nothing else")
    told += [f"Note: {data['note']}"] if "note" in data else []
    if terms := run["terms"]:
        told.append(f"Data: {data['name']}; licence: {terms['licence']}; {terms['citation']}")
    return "\n".join(
        [
            _metadata(run),
            f"# H-SOKV: {title}",
            "",
            f"Classes: {names}.",
            "",
            "| seed | accuracy | log-loss (nats) |",
            "|---|---|---|",
            *rows,
            "",
            f"This model is that of seed {run['seed']}; each score is of one run, as its record has it.",
            "",
            *(f"- {line}" for line in told),
            f"- Made by hsokv {run['version']}",
            "",
            _USE,
        ]
    )


_USE = f"""## Use

    pip install "hsokv[hub]>={__version__}"

Then, without `trust_remote_code`:

    from hsokv.hub import HSOKVForSequenceClassification
    model = HSOKVForSequenceClassification.from_pretrained(".")

Cite H-SOKV by its CITATION.cff.
"""


def _metadata(run: Mapping[str, Any]) -> str:
    """The front matter that the hub reads; JSON is YAML."""
    values: dict[str, Any] = {"license": "mit", "library_name": "transformers", "tags": ["hsokv", "key-value-memory"]}
    if "benchmark" in run:
        values |= {"datasets": [run["benchmark"]], "metrics": ["accuracy"]}
    return "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in values.items()), "---", ""])
