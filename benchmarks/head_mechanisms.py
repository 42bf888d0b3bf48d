"""How heads of few examples should be trained: each choice of the package taken back alone, the table of docs/heads.md.

    HSOKV_DATA_DIR=/path/to/data python -m benchmarks.head_mechanisms [--seeds 33 ... 44] [--folder results/heads]

On draws of SST-2 and MNLI, scored on the development set, never the final test. Differences are the package minus the
alternative, paired over draws. The alternatives live here alone.
"""

import argparse
import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from hsokv.analysis.intervals import Interval, interval
from hsokv.data.sources import data_root
from hsokv.methods import population, prototypes, single
from hsokv.model.encoder_files import MINILM
from hsokv.study.features import load_episode
from hsokv.study.text import encode_shots
from hsokv.study.text_data import describe_texts, read_texts
from hsokv.training import loop
from hsokv.training.budget import Budget
from hsokv.training.optimisers import OptimiserState

CLASSES = {"sst2": 2, "mnli": 3}
TRACKS = (("sst2", "shots16"), ("sst2", "shots16_descriptions"), ("mnli", "shots16"))
ARMS = {
    "neither": (single, ("head",)),
    "kv_only": (single, ("head", "memory")),
    "full": (population, ("head", "memory", "keys", "swarm")),
}
WEAK = {"decay": 0.03, "box": [0.012, 0.08]}  # in examples; per step of 32 shots what it was before: 0.001
ALTERNATIVES = {
    "hardly any weight decay": (WEAK, False),
    "a second moment an entry": ({}, True),
    "both": (WEAK, True),
}


def by_entry(
    parameter: Tensor, gradient: Tensor, moments: OptimiserState, numbers: Tensor, square: Tensor
) -> tuple[Tensor, OptimiserState]:
    """`apply_rule` as Adam and RMSprop were published: every entry is divided by the root of its own mean square."""
    numbers = numbers.reshape(numbers.shape + (1,) * (1 + parameter.ndim - numbers.ndim))
    latest, unbias, floor, rate, kept = numbers.to(parameter.dtype)
    first = torch.lerp(moments.first, gradient, 0.1)
    second = (moments.second * 0.999).expand_as(gradient) + 0.001 * gradient.square()
    direction = torch.lerp(first, gradient, latest) / ((second * unbias).sqrt() + floor)
    return parameter * kept - rate * direction, OptimiserState(first, second, moments.steps + 1)


@contextmanager
def rule_of(entries: bool) -> Iterator[None]:
    """The package's rule, or the one above in its place."""
    kept = loop.apply_rule
    loop.apply_rule = by_entry if entries else kept
    try:
        yield
    finally:
        loop.apply_rule = kept


def settings_of(methods: Mapping[str, Any], decay: float | None = None, box: list[float] | None = None) -> dict:
    """The study's settings, with another weight decay and range of it where given."""
    changed = copy.deepcopy(dict(methods))
    if decay is not None:
        changed["head"]["weight_decay"], changed["swarm"]["box"]["weight_decay"] = decay, box
    return changed


def encode(folder: Path, seeds: list[int], benchmarks: Mapping[str, Any]) -> None:
    """The frozen features of all draws, kept in the folder."""
    for source in CLASSES:
        conditions = {name: benchmarks[source]["conditions"][name] for s, name in TRACKS if s == source}
        texts = {"texts": describe_texts(read_texts({"source": source}, data_root()))}
        manifest = {"name": source, "kind": "user copy", "synthetic": False, "reason": None, "files": {}, **texts}
        encode_shots(
            seeds=seeds,
            conditions=conditions,
            source={"source": source},
            root=data_root(),
            evaluate_on="development",
            development_rows=500,
            encoder=MINILM,
            manifests=(manifest, {"reason": None}),
            folder=folder / source,
            stamp="head_mechanisms",
            report=lambda line: None,
        )


def correct(folder: Path, track: tuple[str, str], seeds: list[int], fit: Callable[..., Any], settings: dict) -> Any:
    """Which development examples are right, bool [seeds, examples]."""
    rows = []
    for seed in seeds:
        episode = load_episode(folder / track[0], seed, track[1], CLASSES[track[0]], 4)
        fitted = fit(episode, settings, Budget(3 * 10**10), torch.Generator().manual_seed(seed))
        rows.append((fitted.predict(episode.test.x).log_probs.argmax(1) == episode.test.y).numpy())
    return 100.0 * np.array(rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(33, 45)), help="draws")
    parser.add_argument("--folder", type=Path, default=Path("results/heads"), help="where features are kept")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    study = yaml.safe_load(Path("config.yaml").read_text())
    encode(arguments.folder, arguments.seeds, study["benchmarks"])
    print(
        "| track | arm | package (%) | class means (%) | " + " | ".join(f"over {name}" for name in ALTERNATIVES) + " |"
    )
    print("|---|---|---|---|" + "---|" * len(ALTERNATIVES))
    means_of: dict[tuple[str, str], list[np.ndarray]] = {}  # by arm and alternative, a track each: points by draw
    for track in TRACKS:
        means = correct(arguments.folder, track, arguments.seeds, prototypes.fit, {}).mean()
        for arm, (module, groups) in ARMS.items():

            def found(changes: Mapping[str, Any], entries: bool, module=module, groups=groups, track=track) -> Any:
                settings = settings_of(study["methods"], **changes)
                with rule_of(entries):
                    chosen = {name: settings[name] for name in groups}
                    return correct(arguments.folder, track, arguments.seeds, module.fit, chosen)

            package = found({}, False)
            cells = []
            for name, (changes, entries) in ALTERNATIVES.items():
                points = package - found(changes, entries)
                means_of.setdefault((arm, name), []).append(points.mean(1))
                cells.append(cell(interval(points.mean(1), points)))
            print(f"| {' '.join(track)} | {arm} | {package.mean():.1f} | {means:.1f} | " + " | ".join(cells) + " |")
    for arm in ARMS:
        cells = [cell(interval(np.mean(means_of[arm, name], axis=0))) for name in ALTERNATIVES]
        print(f"| mean of the tracks, over draws | {arm} | | | " + " | ".join(cells) + " |")


def cell(of: Interval) -> str:
    """A mean difference with its interval."""
    return f"{of.mean:+.1f} [{of.low:+.1f}, {of.high:+.1f}]"


if __name__ == "__main__":
    main()
