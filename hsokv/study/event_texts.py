"""The features of benchmarks of events: the events of every seed with their texts, and one set of queries."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from hsokv.data.catalogue import OWN, DataSource
from hsokv.data.events import check_events, draw_life, read_events, read_queries
from hsokv.data.examples import Examples, deduplicate
from hsokv.data.texts import read_clinc150
from hsokv.encoders.files import resolve_encoder
from hsokv.study.data_manifest import locate_data
from hsokv.study.encoders import describe_encoder, load_encoder
from hsokv.study.features import Made, Request, write_missing

PARTS = {"validation": ("val", ("oos_val", "oos_train")), "test": ("test", ("oos_test",))}
"""The parts of CLINC150 that are asked, by split: one in scope, and those out of scope."""


def load_events(
    source: DataSource, root: Path | None, split: str, definition: Mapping[str, object], seed: int
) -> tuple[dict[str, np.ndarray], Examples]:
    """(arrays of the events of a seed, queries); own events are the same for every seed."""
    paths = locate_data(source["source"], source, root).paths
    if source["source"] == OWN:
        events = read_events(paths["events"])
        queries = read_queries(paths[split], events)
    else:
        pool, queries, _ = deduplicate(*read_clinc150(paths["all"], *PARTS[split]))
        events = check_events(draw_life(pool, seed, **definition), "drawn events")
    return {name: np.array(part) for name, part in events._asdict().items()}, queries


def encode_shots(request: Request, validation_rows: int) -> None:
    """Write evaluation.npz and the feature file of every seed that is not there yet; no rows are for development."""

    def prepare() -> Callable[[int | str], Made]:
        from hsokv.encoders.texts import encoder_flops

        files, first = resolve_encoder(request.encoder), next(iter(request.conditions.values()))
        loaded, known = load_encoder(files, first, request.device), {}
        told = describe_encoder(files, request.device, first)

        def encode(texts: Sequence[str]) -> np.ndarray:
            new = list(dict.fromkeys(text for text in texts if text not in known))
            known.update(zip(new, loaded.encode(new), strict=True))
            return np.stack([known[text] for text in texts])

        def make(key: int | str) -> Made:
            arrays, texts, names = {}, [], ()
            for name, condition in request.conditions.items():
                definition = {option: value for option, value in condition.items() if option != "encoder"}
                seed = request.seeds[0] if key == "evaluation" else key
                events, queries = load_events(request.source, request.root, request.split, definition, seed)
                names = queries.names
                if key == "evaluation":
                    texts = list(queries.inputs)
                    arrays = {"test/x": encode(texts), "test/y": queries.labels, "test/names": np.array(names)}
                    break
                texts += events["texts"].tolist()
                arrays |= {f"{name}/{part}": values for part, values in events.items()}
                arrays[f"{name}/x"] = encode(events["texts"].tolist())
            spent = {**told, "flops": encoder_flops(loaded.lengths(texts), loaded.size)}
            return Made(arrays, spent, len(names), f"{len(texts)} texts encoded")

        return make

    write_missing(request, prepare, shared="evaluation", shared_test=False)
