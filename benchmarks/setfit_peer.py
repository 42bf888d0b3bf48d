"""SetFit on the shots that the study draws, beside its arms: `python -m benchmarks.setfit_peer --seeds 13 21 42`.

SetFit (Tunstall et al. 2022) tunes the whole encoder on pairs of the shots and puts logistic regression on it; here
with its defaults, on one thread. Texts, shots and test are those of the condition in config.yaml, read by the study's
own functions; dev shots are not read. A line for each draw: benchmark, condition, encoder, split, seed, accuracy, and
CPU seconds of training and of predicting. `--split test` reads the final test: note it in docs/final-runs.md.

    pip install 'hsokv[study,mpnet,peers]' && export HSOKV_DATA_DIR=...
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import yaml

from hsokv.data.examples import Examples, draw_shots
from hsokv.encoders.files import resolve_encoder
from hsokv.machine import data_root
from hsokv.study.encoders import encoder_source
from hsokv.study.text import load_texts


def fit(folder: Path, shots: Examples, seed: int) -> Any:
    """A SetFit model of the encoder in `folder`, trained on the shots with SetFit's defaults."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize
    from setfit import SetFitModel, Trainer, TrainingArguments
    from sklearn.linear_model import LogisticRegression

    body = SentenceTransformer(str(folder), device="cpu")
    body.append(Normalize())  # as the encoder's authors have it; not among the files that the study verifies
    model = SetFitModel(model_body=body, model_head=LogisticRegression())
    rows = Dataset.from_dict({"text": list(shots.inputs), "label": shots.labels.tolist()})
    with TemporaryDirectory() as checkpoints:
        settings = TrainingArguments(output_dir=checkpoints, save_strategy="no", report_to="none", seed=seed)
        Trainer(model=model, args=settings, train_dataset=rows).train()
    return model


def main() -> None:
    """Print the accuracy and the CPU seconds of every draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmark", default="sst2")
    parser.add_argument("--condition", default="shots16")
    parser.add_argument("--encoder", default="mpnet")
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 21, 42])
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    asked = parser.parse_args()
    try:
        import setfit
    except ImportError:
        sys.exit("not run: setfit is not installed; pip install 'hsokv[peers]'")
    study = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))
    benchmark = study["benchmarks"][asked.benchmark]
    pool, test = load_texts({"source": benchmark["source"]}, data_root(), asked.split, study["data"]["validation_rows"])
    files = resolve_encoder(encoder_source(study["encoders"][asked.encoder]))
    torch.set_num_threads(1)
    print(f"# SetFit {setfit.__version__}, {len(test.labels)} test texts")
    print("benchmark,condition,encoder,split,seed,accuracy,training_cpu_seconds,predicting_cpu_seconds")
    for seed in asked.seeds:
        shots, _ = draw_shots(pool, benchmark["conditions"][asked.condition]["shots"], seed)
        clock = [time.process_time()]
        model = fit(files.path, shots, seed)
        clock.append(time.process_time())
        predicted = np.asarray(model.predict(list(test.inputs), show_progress_bar=False))
        clock.append(time.process_time())
        accuracy, (training, predicting) = float((predicted == test.labels).mean()), np.diff(clock)
        named = f"{asked.benchmark},{asked.condition},{asked.encoder},{asked.split}"
        print(f"{named},{seed},{accuracy:.4f},{training:.0f},{predicting:.0f}", flush=True)


if __name__ == "__main__":
    main()
