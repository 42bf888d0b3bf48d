"""Every mechanism tried on the memory, alone, with and without it: the evidence of docs/what-did-not-help.md.

    python -m benchmarks.memory_mechanisms [--worlds 12] [--draws 30] [--folder results/mechanisms]

Few-shot rows (benchmarks/memory_candidates.py): the arm `kv_closed_form`, a head and a memory, with one part of its
design replaced, on the test words of tuning worlds (two senses, mean of three levels) and on shots of SST-2 scored on
the development set. Every design is fitted within one allowance of counted FLOPs, 9e10 and 3e10. Stream rows:
benchmarks/memory_streams.py. Features are made once and kept in the folder. One thread: the same command gives the same
table.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.memory_candidates import (
    HIDDEN,
    SETTINGS,
    Design,
    Task,
    fit,
    lda_head,
    learnt_keys,
    random_lda_head,
    raw_keys,
)
from benchmarks.memory_gates import least_loss_gate, query_gate
from benchmarks.memory_streams import CAPACITIES, NOVELTY, score_streams
from hsokv.analysis.intervals import Interval, interval
from hsokv.data.episode import Shots
from hsokv.data.rare_words import SPLITS, VERSION, Settings, draw_background, draw_episode, make_world
from hsokv.data.sources import cache_folder, data_root, fetch, locate
from hsokv.methods import single
from hsokv.model.calibration import label_log_prob
from hsokv.model.context_encoder import encode, train_context_encoders
from hsokv.model.encoder_files import MINILM
from hsokv.model.moments import add, between, init_moments, within
from hsokv.study.digest import code_digest, value_digest
from hsokv.study.features import is_current, load_episode, write_features
from hsokv.study.text import encode_shots
from hsokv.study.text_data import describe_texts, read_texts
from hsokv.training.budget import Budget

LEVELS = ("level1", "level2", "level3")
STREAM_LEVEL, SHOTS = "level2", 20
WRONG = (0.0, 0.1)
ALLOWED, FOLDS = {"rare_words": int(9e10), "sst2": int(3e10)}, 4

DESIGNS = {
    "package": Design(),
    "raw keys": Design(keys=raw_keys),
    "linear keys": Design(keys=learnt_keys(0)),
    "linear keys, a third": Design(keys=learnt_keys(0, 33)),
    "mlp keys": Design(keys=learnt_keys(HIDDEN)),
    "all entries": Design(k=1000),
    "fitted sharpness": Design(sharpness=None),
    "least-loss gate": Design(gate=least_loss_gate),
    "query gate": Design(gate=query_gate),
    "LDA head": Design(head=lda_head),
    "random LDA head": Design(head=random_lda_head),
}


class Row(NamedTuple):
    """A mechanism, the name of its scores and of those it is compared with, and whether the package holds it.

    A row `aside` compares two candidates, neither of which is the package: it decides nothing.
    """

    mechanism: str
    against: str
    a: str
    b: str
    held: bool = False
    words_only: bool = False
    aside: bool = False


FEW_SHOT = [
    Row("keys on discriminative directions", "features as keys", "package", "raw keys", True, True),
    Row("keys by a learnt linear map", "closed-form keys", "linear keys", "package", words_only=True),
    Row("the same on a third of the allowance", "closed-form keys", "linear keys, a third", "package", words_only=True),
    Row("keys by a learnt MLP", "closed-form keys", "mlp keys", "package", words_only=True),
    Row("all entries read", "the 16 nearest", "all entries", "package"),
    Row("sharpness fitted on folds", "sharpness 10", "fitted sharpness", "package"),
    Row("gate: one-standard-error rule", "gate of least dev log-loss", "package", "least-loss gate", True),
    Row("gate per query", "one gate", "query gate", "package"),
    Row("LDA as the head", "head by gradient", "LDA head", "package"),
    Row(
        "LDA head on 1,024 random ReLU features", "LDA head on the features", "random LDA head", "LDA head", aside=True
    ),
]
STREAM = [
    Row("folding", "dropping the oldest", "fold", "drop_oldest", True),
    Row("dropping the least read", "folding", "drop_least_read", "fold"),
    Row("dropping the least read", "dropping the oldest", "drop_least_read", "drop_oldest", aside=True),
    Row("dropping the least useful", "folding", "drop_least_useful", "fold"),
    Row("dropping the least useful", "dropping the oldest", "drop_least_useful", "drop_oldest", aside=True),
    Row("counts as weights", "equal weights", "fold", "equal weights", True),
    Row("novelty: average the similar at once", "folding", "novelty", "fold"),
    Row("surprise: average the expected at once", "folding", "surprising_only", "fold"),
    Row("weights by outcome", "counts as weights", "weights by outcome", "fold"),
    Row("consolidation: release what the head knows", "no release, same mixture", "release True", "release False"),
    Row("folding in key space", "folding features", "fold in key space", "fold"),
]


def encode_world(seed: int, folder: Path, report: Callable[[str], None]) -> Path:
    """The file of a tuning world: the study's own features of its episodes, and the background's and the streams'."""
    made_by = ["hsokv.data.rare_words", "hsokv.model.context_encoder", "hsokv.model.moments"]
    path, stamp = folder / f"seed{seed}.npz", value_digest([code_digest(made_by), SHOTS, STREAM_LEVEL])
    if is_current(path, stamp):
        return path
    settings = Settings()
    world = make_world(settings, seed)
    background = draw_background(world)
    generator = torch.Generator().manual_seed(seed)
    encoders = train_context_encoders(background.tokens, background.labels, settings.vocabulary, generator)
    raw = encode(encoders, background.tokens)
    mean = raw.mean(0)

    def unit(x: np.ndarray) -> np.ndarray:
        return (x - mean) / np.linalg.norm(x - mean, axis=1, keepdims=True)

    arrays = {"background/x": unit(raw), "background/y": background.labels}
    moments = add(
        init_moments(settings.frequent_words, raw.shape[1]), *map(torch.from_numpy, (unit(raw), background.labels))
    )
    scatter, degrees = within(moments)
    for name, value in (("within", scatter / degrees), ("between", between(moments))):
        arrays[f"background/{name}"] = value.numpy().astype(np.float32)
    arrays["background/degrees"] = np.array(degrees)
    drawn = [(f"two_senses_{level}", level, 1) for level in LEVELS] + [("stream", STREAM_LEVEL, SHOTS)]
    for name, level, shots in drawn:
        for split in SPLITS:
            episode = draw_episode(world, split, 2, level, shots)
            for part, contexts in (("support", episode.support), ("query", episode.query)):
                arrays[f"{name}/{split}/{part}/x"] = unit(encode(encoders, contexts.tokens))
                arrays[f"{name}/{split}/{part}/y"] = contexts.labels
    write_features(path, {"status": "done", "reason": None, "stamp": stamp, "data": {"name": VERSION}}, arrays)
    report(f"world {seed}: encoded")
    return path


def encode_draws(seeds: list[int], folder: Path, report: Callable[[str], None]) -> None:
    """Feature files of SST-2: shots drawn as the study draws them; evaluation is the development set, never dev.tsv."""
    root = data_root()
    files = locate("sst2", root, cache_folder()) if root else fetch("sst2", cache_folder())
    source = {"source": "sst2"}
    found = {"name": "sst2", "kind": files.kind, "synthetic": False, "files": dict(files.sha256), "reason": None}
    found |= {"texts": describe_texts(read_texts(source, root))}
    conditions = {"shots16": {"shots": 16}}
    stamp = value_digest([code_digest(["hsokv.study.text"]), conditions])
    encode_shots(
        seeds, conditions, source, root, "development", 500, MINILM, (found, {"reason": None}), folder, stamp, report
    )


def load_world(path: Path, seed: int) -> list[Task]:
    """The few-shot tasks of a world, one a level."""
    with np.load(path, allow_pickle=False) as arrays:
        contexts = Shots(*(torch.from_numpy(arrays[f"background/{name}"]) for name in "xy"))
    episodes = [load_episode(path.parent, seed, f"two_senses_{level}", Settings().rare_words, None) for level in LEVELS]
    return [Task(seed, episode, ALLOWED["rare_words"], contexts) for episode in episodes]


def load_draw(folder: Path, seed: int) -> list[Task]:
    """The one task of a draw of SST-2 shots."""
    return [Task(seed, load_episode(folder, seed, "shots16", 2, FOLDS), ALLOWED["sst2"])]


def score_designs(tasks: list[Task], words: bool) -> dict[str, np.ndarray]:
    """By design: outcome and -log p of every test query, mean over the tasks, [2, queries]; and FLOPs of the allowance.

    Raises RuntimeError where the package's own arm does not score what its design here does.
    """
    skipped = set() if words else {name for row in FEW_SHOT if row.words_only for name in (row.a, row.b)} - {"package"}
    scores = {}
    for name, design in DESIGNS.items():
        if name in skipped:
            continue
        found = []
        for task in tasks:
            predict, spent = fit(task, design)
            x, y = task.episode.test
            probs = predict(x)
            found.append(np.stack([(probs.argmax(-1) == y).numpy(), -label_log_prob(probs.log(), y).numpy()]))
            if name == "package":
                fitted = single.fit(task.episode, SETTINGS, Budget(task.allowed), torch.Generator())
                if not torch.allclose(fitted.predict(x).log_probs.exp(), probs, atol=1e-4):
                    raise RuntimeError("the design `package` is not what kv_closed_form does: mend fit()")
        scores[name] = np.mean(found, axis=0)
        say(f"  {name}: {100 * scores[name][0].mean():.1f} %, {spent / task.allowed:.2f} of the allowance")
    return scores


def effect(scores: list[dict], row: Row, what: int, shared: bool) -> Interval:
    """The paired difference a - b over worlds; where draws share their test set, over its examples too."""
    differences = np.stack([of[row.a][what] - of[row.b][what] for of in scores])
    return interval(differences.mean(1), differences if shared else None)


def stream_effect(scores: list[dict], row: Row) -> Interval:
    """The same of streams, mean of the two capacities."""
    return interval(np.mean([[of[row.a, c] - of[row.b, c] for c in CAPACITIES] for of in scores], axis=1))


def choose_novelty(scores: list[dict]) -> None:
    """Add to every world the score of the threshold that is best on the other worlds."""
    for capacity in CAPACITIES:
        tried = np.array([[of[f"novelty {threshold}", capacity] for threshold in NOVELTY] for of in scores])
        for i, of in enumerate(scores):
            of["novelty", capacity] = tried[i, np.delete(tried, i, axis=0).mean(0).argmax()]


def line(row: Row, data: str, points: Interval, nats: Interval | None, count: str) -> str:
    """A row of the table; a mechanism is shown to help where the whole interval of its effect on accuracy is over 0."""
    helps = points.low is not None and points.low > 0
    if row.held:
        verdict = "kept" if helps else "in the package, no effect shown here"
    else:
        verdict = "helps, not in the package" if helps and not row.aside else "not kept"
    if nats is not None and nats.high < 0 and not helps:
        verdict += "; log-loss better"
    accuracy = f"{100 * points.mean:+.1f} [{100 * points.low:+.1f}, {100 * points.high:+.1f}]"
    loss = "" if nats is None else f"{nats.mean:+.3f} [{nats.low:+.3f}, {nats.high:+.3f}]"
    return f"| {row.mechanism} | {row.against} | {data} | {accuracy} | {loss} | {count} | {verdict} |"


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=12, help="tuning worlds, seeds from 1, 2 to 999")
    parser.add_argument("--draws", type=int, default=30, help="draws of SST-2 shots, seeds from 1; 0 leaves it out")
    parser.add_argument("--folder", type=Path, default=Path("results/mechanisms"), help="where features are kept")
    arguments = parser.parse_args()
    if not 2 <= arguments.worlds < 1000 or arguments.draws == 1:
        parser.error("wanted 2 to 999 worlds (others belong to the study), and 0 or at least 2 draws")
    torch.set_num_threads(1)
    start = time.perf_counter()
    words, streams, draws = [], {wrong: [] for wrong in WRONG}, []
    for seed in range(1, arguments.worlds + 1):
        path = encode_world(seed, arguments.folder / "rare_words", say)
        say(f"world {seed}, {(time.perf_counter() - start) / 60:.1f} min")
        words.append(score_designs(load_world(path, seed), words=True))
        for wrong in WRONG:
            streams[wrong].append(score_streams(path, seed, wrong))
    seeds = range(1, arguments.draws + 1)
    if seeds:
        encode_draws(list(seeds), arguments.folder / "sst2", say)
    for seed in seeds:
        say(f"draw {seed}, {(time.perf_counter() - start) / 60:.1f} min")
        draws.append(score_designs(load_draw(arguments.folder / "sst2", seed), words=False))
    columns = (
        "mechanism | compared with | data | accuracy, points [95 %] | log-loss, nats [95 %] | paired over | verdict"
    )
    print(f"| {columns} |\n|" + "---|" * 7)
    for row in FEW_SHOT:
        for data, scores in (("rare_words", words), ("sst2", draws)):
            if scores and not (row.words_only and data == "sst2"):
                found = [effect(scores, row, what, shared=data == "sst2") for what in (0, 1)]
                count = f"{len(scores)} {'worlds' if data == 'rare_words' else 'draws'}"
                print(line(row, data, *found, count))
    for scores in streams.values():
        choose_novelty(scores)
    for row in STREAM:
        for wrong, scores in streams.items():
            data = f"stream, {100 * wrong:.0f} % wrong labels" if wrong else "stream"
            print(line(row, data, stream_effect(scores, row), None, f"{len(scores)} worlds"))
    for data, few in (("rare_words", words), ("sst2", draws)):
        for name in few[0] if few else ():
            say(f"{data}, {name}: {100 * np.mean([of[name][0] for of in few]):.1f}")
    for wrong, scores in streams.items():
        for name, capacity in scores[0]:
            accuracy = 100 * np.mean([of[name, capacity] for of in scores])
            say(f"stream, {wrong:.0%} wrong labels, {capacity} slots, {name}: {accuracy:.1f}")
    say(f"{(time.perf_counter() - start) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
