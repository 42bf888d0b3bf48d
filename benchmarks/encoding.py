"""How fast texts and images become features: `python -m benchmarks.encoding [--texts 2000] [--images 10000]`.

Texts: sentences of SST-2's train file under HSOKV_DATA_DIR, through `hsokv.encoders.texts` and through the `encode`
of sentence-transformers as its users call it: the same files, threads and batch size, in turns, the best of them; with
all-MiniLM-L6-v2 and, a tenth as many sentences, with all-mpnet-base-v2, where these are on this machine. CPU
seconds stand beside the wall's: on a machine that other work shares, they are the ones to trust.
The peer is no part of the study's environment; put it, without what it shares with it, into a folder of its own:

    pip install --no-deps --target PEER sentence-transformers && export HSOKV_PEER=PEER

Images: a patch dictionary learnt on 2,000 of the stand-in's images, and all of them encoded with it, on one thread, as
the study does, which encodes as many seeds at a time as there are cores.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from hsokv.data.synthetic import generate_split_cifar10_synthetic
from hsokv.data.texts import read_table
from hsokv.encoders.files import MINILM, MPNET, EncoderSource, resolve_encoder
from hsokv.encoders.patches import CENTROIDS, encode, encoder_flops, learn_dictionary
from hsokv.encoders.texts import encoder_flops as text_flops
from hsokv.encoders.texts import load_text_encoder
from hsokv.exceptions import DataUnavailableError

BATCH = 32  # the peer's default


def clocks() -> np.ndarray:
    """Wall seconds and CPU seconds of this process."""
    return np.array([time.perf_counter(), time.process_time()])


def best(contestants: dict[str, Callable[[], object]], turns: int) -> dict[str, np.ndarray]:
    """Least wall and CPU seconds of each, over turns that all take one after the other."""
    seconds = {name: [] for name in contestants}
    for _ in range(turns):
        for name, call in contestants.items():
            start = clocks()
            call()
            seconds[name].append(clocks() - start)
    return {name: np.min(times, axis=0) for name, times in seconds.items()}


def load_peer(folder: Path) -> Callable[[list[str]], np.ndarray]:
    """sentence-transformers' own `encode`, of the files in `folder`; ends the process where it is not to be had."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    if peer := os.environ.get("HSOKV_PEER"):
        sys.path.append(peer)  # last, so that nothing in it stands before the study's own packages
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        sys.exit(f"no sentence-transformers ({error}): see the head of {__file__}")
    return SentenceTransformer(str(folder), device="cpu").encode


def texts(source: EncoderSource, count: int, threads: int, turns: int) -> float:
    """Print throughput of both and how far their vectors agree; return how many times as fast as the peer ours is.

    By CPU seconds, which other work on the machine disturbs least; NaN where the encoder is not on this machine.
    """
    root = os.environ.get("HSOKV_DATA_DIR")
    if not root:
        sys.exit("set HSOKV_DATA_DIR to a folder with glue/SST-2/train.tsv")
    sentences = read_table(Path(root) / "glue/SST-2/train.tsv", ["sentence"], quoted=False)["sentence"].tolist()[:count]
    try:
        files = resolve_encoder(source, download=False)
    except DataUnavailableError as error:
        print(f"{source.name}: not run: {error}")
        return float("nan")
    encoder, peer = load_text_encoder(files), load_peer(files.path)
    torch.set_num_threads(threads)
    ours, theirs = encoder.encode(sentences[:BATCH]), peer(sentences[:BATCH])
    agreement = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    if agreement.min() < 0.999:
        sys.exit(f"the vectors differ: cosine {agreement.min():.4f} in the worst case, so there is nothing to compare")
    seconds = best(
        {
            "hsokv": lambda: encoder.encode(sentences, BATCH, threads),
            "sentence-transformers": lambda: peer(sentences, batch_size=BATCH),
        },
        turns,
    )
    flops = text_flops(encoder.lengths(sentences), encoder.size)
    print(
        f"{source.name}, {count} sentences, batches of {BATCH}; "
        f"cosine with the peer's vectors at least {agreement.min():.6f}"
    )
    for name, (wall, cpu) in seconds.items():
        print(
            f"  {name}: {wall:.1f} s ({cpu:.1f} s of CPU), {count / wall:.0f} a second, {flops / cpu / 1e9:.0f} GFLOP/s"
        )
    ratio = seconds["sentence-transformers"] / seconds["hsokv"]
    print(f"  {ratio[0]:.2f} times as fast by the wall, {ratio[1]:.2f} times by CPU seconds")
    return ratio[1]


def images(count: int) -> float:
    """Print the seconds of learning and encoding, on one thread; return images a second, of both together."""
    pixels = torch.from_numpy(generate_split_cifar10_synthetic(count, 10)[0].inputs)
    torch.set_num_threads(1)
    start = clocks()
    dictionary = learn_dictionary(pixels[:2000], CENTROIDS, torch.Generator().manual_seed(0))
    learnt = clocks() - start
    encode(pixels, dictionary)
    total = clocks() - start
    rate = encoder_flops(count, dictionary) / (total - learnt)[1] / 1e9
    print(f"{count} images, {CENTROIDS} centroids: {total[0]:.1f} s ({total[1]:.1f} s of CPU)")
    print(f"  dictionary {learnt[0]:.1f} s ({learnt[1]:.1f}), encoding at {rate:.0f} GFLOP a second of CPU")
    return count / total[0]


def main() -> None:
    """Print what was measured and, in the last line, its two figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, {asked.threads} threads, {torch.__version__}"
    )
    minilm = texts(MINILM, asked.texts, asked.threads, asked.turns)
    mpnet = texts(MPNET, asked.texts // 10, asked.threads, asked.turns)
    rate = images(asked.images)
    print(f"minilm_vs_peer={minilm:.2f} mpnet_vs_peer={mpnet:.2f} images_per_second={rate:.0f}")


if __name__ == "__main__":
    main()
