"""What an encoder's width and batch size cost, and what they are worth: the tables of docs/encoder-table.md.

    HSOKV_DATA_DIR=/path/to/data python -m benchmarks.encoder_table [--folder results/mechanisms]

Development sets alone. Features of images and their scores are kept in the folder, so that a second run has little but
timings to make: CPU seconds of one thread, the least over turns that all contestants take one after the other.
"""

import argparse
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from benchmarks.encoder_tuning import BELOW, SHOTS, cell, score_arms
from benchmarks.encoding import BATCH, best
from benchmarks.stream_mechanisms import DEVELOPMENT, TASKS, encode_orders, run_arm, say
from hsokv.analysis.intervals import interval
from hsokv.data.episode import Shots
from hsokv.data.glue import LabelledTexts, draw_shots
from hsokv.data.sources import data_root
from hsokv.exceptions import DataUnavailableError
from hsokv.files import write_arrays
from hsokv.methods.streams import ridge
from hsokv.model.encoder_files import resolve_encoder
from hsokv.model.encoder_layers import read_states, text_vectors
from hsokv.model.patch_encoder import CENTROIDS, PatchDictionary, encode, encoder_flops
from hsokv.model.text_encoder import encoder_flops as text_flops
from hsokv.model.text_encoder import load_text_encoder
from hsokv.study.digest import code_digest, value_digest
from hsokv.study.encoders import TUNED, encoder_source
from hsokv.study.features import opened, read_provenance
from hsokv.study.images import load_images
from hsokv.study.stream_runs import load_stream
from hsokv.study.text import load_texts

SIZES, ORDERS, IMAGES, IMAGE_BATCHES = (64, 128, 256, CENTROIDS, 1024), 6, 256, (1, 2, 4, 16, 64)
DRAWS, DEVELOPMENT_ROWS, TEXT_BATCHES = range(6, 11), 500, (8, 32, 128)
ARMS, TURNS = ("logistic regression", "class means"), 3


def score_stream(path: Path, seed: int, settings: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Which development images `ridge` gets right among all classes at the end, and its GFLOPs; kept beside `path`."""
    made_of = [code_digest(["hsokv.methods.streams.ridge", "hsokv.study.stream_runs"]), settings["ridge"]]
    place = path.with_name(f"ridge_{path.stem}_{value_digest([*made_of, read_provenance(path)])[:16]}.npz")
    if not place.exists():
        run = run_arm(ridge.learn, load_stream(path, TASKS), settings, seed)
        say(f"ridge on {path}")
        correct = np.array([int(one) for one in run["outcomes"]])
        write_arrays(place, {"correct": correct, "gflops": np.array(run["gflops"])})
    with opened(place) as arrays:
        return arrays["correct"], arrays["gflops"]


def points(correct: Sequence[np.ndarray], base: Sequence[np.ndarray] | None = None) -> str:
    """Accuracy in %, over seeds that share their examples, or what it is above `base`, paired, in points."""
    found = 100.0 * (np.array(correct, dtype=float) - (0 if base is None else np.array(base)))
    return cell(interval(found.mean(1), found), "-" if base is None else "+")


def time_all(rows: dict[Any, Callable[[int], object]], batches: Sequence[int], examples: int) -> dict[Any, list[str]]:
    """CPU seconds per 1,000 examples of every row, which is called with its batch size: a cell for each of them."""
    seconds = best({(row, batch): partial(call, batch) for row, call in rows.items() for batch in batches}, TURNS)
    return {row: [f"{1000 * seconds[row, batch][1] / examples:.2f}" for batch in batches] for row in rows}


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table in Markdown, short rows filled up, and an empty line."""
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join([*row, *[''] * (len(columns) - len(row))])} |")
    print()


def print_images(folder: Path, settings: Mapping[str, Any]) -> None:
    """The table of patch dictionaries."""
    _, development = load_images({"source": "cifar10"}, data_root(), "development", DEVELOPMENT)
    images, scores, calls = torch.from_numpy(development.images[:IMAGES]), {}, {}
    for size in SIZES:
        paths = encode_orders(ORDERS, size, folder / f"cifar10_{size}")
        with opened(paths[0]) as arrays:
            parts = [torch.from_numpy(arrays[f"dictionary/{name}"]) for name in PatchDictionary._fields]
        dictionary = PatchDictionary(*parts)
        row = (f"{size:,}", f"{4 * size:,}", f"{encoder_flops(1, dictionary) / 1e6:.1f}")
        calls[row] = partial(encode, images, dictionary)
        scores[row] = [score_stream(path, seed, settings) for seed, path in enumerate(paths, 1)]
    seconds, rows = time_all(calls, IMAGE_BATCHES, len(images)), []
    base, _ = zip(*list(scores.values())[SIZES.index(CENTROIDS)], strict=True)
    for row, found in scores.items():
        correct, gflops = zip(*found, strict=True)
        rows.append([*row, *seconds[row], points(correct), points(correct, base), f"{np.mean(gflops):,.0f}"])
    timed = [f"CPU s, {batch} at a time" for batch in IMAGE_BATCHES]
    scored = ["`ridge`", f"points over {CENTROIDS}", "GFLOPs of `ridge`"]
    print_table(["centroids", "width", "MFLOPs an image", *timed, *scored], rows)


def score_texts(read: Callable[[Sequence[str], int], Any], pool: LabelledTexts, test: LabelledTexts) -> list[str]:
    """Accuracy of every arm over draws of shots."""

    def shots(part: LabelledTexts) -> Shots:
        return Shots(torch.as_tensor(read(part.texts, BATCH)), torch.from_numpy(part.labels))

    scored = shots(test)
    found = [score_arms(*map(shots, draw_shots(pool, SHOTS, seed, 2)), scored) for seed in DRAWS]
    return [points([of[arm] for of in found]) for arm in ARMS]


def print_texts(encoders: Mapping[str, Mapping[str, Any]]) -> None:
    """The table of text encoders, those of the study's configuration."""
    pool, test = load_texts({"source": "sst2"}, data_root(), "development", DEVELOPMENT_ROWS)
    readers, missing = {}, []
    for name, described in encoders.items():
        source = encoder_source(described)
        try:
            encoder = load_text_encoder(resolve_encoder(source))
        except DataUnavailableError as error:
            missing.append([source.name, f"not run: {error}"])
            continue
        width, layers, _ = encoder.size
        whole = text_flops(encoder.lengths(test.texts), encoder.size) / len(test) / 1e6
        readers[source.name, width, layers, f"{whole:.0f}"] = encoder.encode
        if name == TUNED:  # whose layers can be read apart
            row = (source.name, width, BELOW, f"{whole * BELOW / layers:.0f}")
            readers[row] = lambda texts, batch, of=encoder: text_vectors(read_states(of, texts, BELOW, batch))
    seconds = time_all({row: partial(read, test.texts) for row, read in readers.items()}, TEXT_BATCHES, len(test))
    rows = [[*map(str, row), *seconds[row], *score_texts(read, pool, test)] for row, read in readers.items()]
    timed = [f"CPU s, up to {batch} at a time" for batch in TEXT_BATCHES]
    print_table(["encoder", "width", "layers", "MFLOPs a text", *timed, *ARMS], [*rows, *missing])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("results/mechanisms"), help="where features are kept")
    folder = parser.parse_args().folder
    torch.set_num_threads(1)
    configuration = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, 1 thread, torch {torch.__version__}\n")
    print_images(folder, configuration["methods"])
    print_texts(configuration["encoders"])


if __name__ == "__main__":
    main()
