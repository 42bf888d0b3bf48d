"""Runs of the controls of `rare_words`: readers of the contexts themselves, recorded like every arm."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hsokv import __version__
from hsokv.data.rare_words import draw_episode
from hsokv.data.rare_words_controls import CONTROLS
from hsokv.metrics.classification import accuracy, outcomes
from hsokv.records import RunRecord, records_path
from hsokv.study.digest import value_digest
from hsokv.study.rare_words import draw_world, provenance_data
from hsokv.study.runs import complete_records

if TYPE_CHECKING:
    from hsokv.definitions import Condition


def run_control(
    benchmark: str,
    control: str,
    world: Mapping[str, object],
    conditions: "Mapping[str, Condition]",
    seeds: list[int],
    records: Path,
    code: str,
    report: Callable[[str], None],
) -> None:
    """Run a control on the test queries of every condition and seed; it spends no counted FLOPs and has no cost."""
    draw = cache(lambda seed: draw_world(seed, world))
    configurations = {name: {"world": dict(world), "condition": dict(conditions[name])} for name in conditions}
    planned = {
        (name, seed): {"configuration": value_digest(configuration), "code": code, "data": value_digest(seed)}
        for name, configuration in configurations.items()
        for seed in seeds
    }

    def make(condition: str, seed: int) -> tuple[RunRecord, None]:
        definition = conditions[condition]
        episode = draw_episode(draw(seed)[0], "test", definition["senses"], definition["level"])
        predicted = CONTROLS[control](*draw(seed), episode)
        record = RunRecord(
            benchmark=benchmark,
            condition=condition,
            arm=control,
            seed=seed,
            status="done",
            reason=None,
            configuration=configurations[condition],
            stamp=planned[condition, seed],
            version=__version__,
            data={**provenance_data(), "encoder": {}},
            flops={"allowed": 0, "spent": 0},
            scores={"accuracy": accuracy(predicted, episode.query.labels)},
            outcomes=outcomes(predicted, episode.query.labels),
            shared_test=False,
            curves={},
            instruments={},
        )
        return record, None

    complete_records(records_path(benchmark, control, records), planned, make, report)
