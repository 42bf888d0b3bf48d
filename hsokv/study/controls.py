"""Runs of the controls of `rare_words`: readers of the contexts themselves, recorded like every arm."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hsokv import __version__
from hsokv.analysis.classification import accuracy, outcomes
from hsokv.data.rare_words import draw_episode
from hsokv.data.rare_words_controls import CONTROLS
from hsokv.records import RunRecord, record_path, write_record
from hsokv.study.digest import value_digest
from hsokv.study.rare_words import draw_world, provenance_data
from hsokv.study.runs import is_done


def run_controls(
    benchmark: str,
    controls: list[str],
    world: Mapping[str, Any],
    conditions: Mapping[str, Mapping[str, Any]],
    seeds: list[int],
    records: Path,
    code: str,
    report: Callable[[str], None],
) -> None:
    """Run every control on the test queries of every condition and seed; controls spend no counted FLOPs."""
    for seed in seeds:
        drawn = None
        for condition, definition in conditions.items():
            configuration = {"world": dict(world), "condition": dict(definition)}
            stamp = {"configuration": value_digest(configuration), "code": code, "data": value_digest(seed)}
            for control in controls:
                if is_done(record_path(benchmark, condition, control, seed, records), stamp):
                    continue
                drawn = drawn or draw_world(seed, world)
                episode = draw_episode(drawn[0], "test", definition["senses"], definition["level"])
                start = time.perf_counter()
                predicted = CONTROLS[control](*drawn, episode)
                record = RunRecord(
                    benchmark=benchmark,
                    condition=condition,
                    arm=control,
                    seed=seed,
                    status="done",
                    reason=None,
                    configuration=configuration,
                    stamp=stamp,
                    version=__version__,
                    data={**provenance_data(), "encoder": {}},
                    flops={"allowed": 0, "spent": 0},
                    scores={"accuracy": accuracy(predicted, episode.query.labels)},
                    outcomes=outcomes(predicted, episode.query.labels),
                    shared_test=False,
                    curves={},
                    instruments={},
                )
                write_record(record, None, records)
                report(f"{condition}/{control}/seed{seed}: {time.perf_counter() - start:.2f} s")
