"""The features of benchmarks of events: the events of every seed with their texts, and one set of queries."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hsokv.data.catalogue import OWN
from hsokv.data.events import check_events, draw_life, read_clinc150, read_events, read_queries
from hsokv.data.examples import Examples
from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.study.data_manifest import locate_data
from hsokv.study.encoders import describe_encoder, load_encoder
from hsokv.study.features import done, is_current, write_features, write_not_run
from hsokv.study.text import describe_data

PARTS = {"validation": "val", "test": "test"}
"""The part of CLINC150 that is asked, by split."""


def load_events(
    source: Mapping[str, Any], root: Path | None, split: str, definition: Mapping[str, Any], seed: int
) -> tuple[dict[str, np.ndarray], Examples]:
    """(arrays of the events of a seed, queries); own events are the same for every seed."""
    paths = locate_data(source["source"], source, root).paths
    if source["source"] == OWN:
        events = check_events(read_events(paths["events"]), str(paths["events"]))
        queries = read_queries(paths[split], events.names)
    else:
        pool, queries = read_clinc150(paths["all"], PARTS[split])
        events = check_events(draw_life(pool, seed, **definition), "drawn events")
    return {name: np.array(part) for name, part in events._asdict().items()}, queries


def encode_shots(
    seeds: list[int],
    conditions: Mapping[str, Mapping[str, Any]],
    source: Mapping[str, Any],
    root: Path | None,
    split: str,
    development_rows: int,
    encoder: EncoderSource,
    manifests: tuple[Mapping[str, Any], Mapping[str, Any]],
    folder: Path,
    stamp: str,
    report: Callable[[str], None],
    device: str = "cpu",
) -> None:
    """Write evaluation.npz and the feature file of every seed that is not there yet, as hsokv.study.text does."""
    paths = {"evaluation": folder / "evaluation.npz"} | {seed: folder / f"seed{seed}.npz" for seed in seeds}
    missing = [key for key, path in paths.items() if not is_current(path, stamp)]
    if not missing:
        return
    described = describe_data(manifests[0], source, split, encoder.name)
    if write_not_run(paths.values(), manifests, described, encoder, report):
        return
    from hsokv.encoders.texts import encoder_flops

    files, condition = resolve_encoder(encoder), next(iter(conditions.values()))
    loaded, told, known = load_encoder(files, condition, device), describe_encoder(files, device, condition), {}

    def encode(texts: list[str]) -> np.ndarray:
        new = list(dict.fromkeys(text for text in texts if text not in known))
        known.update(zip(new, loaded.encode(new), strict=True))
        return np.stack([known[text] for text in texts])

    for key in missing:
        arrays, texts, names = {}, [], ()
        for name, condition in conditions.items():
            definition = {option: value for option, value in condition.items() if option != "encoder"}
            seed = seeds[0] if key == "evaluation" else key
            events, queries = load_events(source, root, split, definition, seed)
            names = queries.names
            if key == "evaluation":
                texts = list(queries.inputs)
                arrays = {"test/x": encode(texts), "test/y": queries.labels, "test/names": np.array(names)}
                break
            texts += events["texts"].tolist()
            arrays |= {f"{name}/{part}": values for part, values in events.items()}
            arrays[f"{name}/x"] = encode(events["texts"].tolist())
        spent = {**told, "flops": encoder_flops(loaded.lengths(texts), loaded.size)}
        write_features(paths[key], done(stamp, len(names), False, described, spent), arrays)
        report(f"{paths[key].stem}: {len(texts)} texts encoded")
