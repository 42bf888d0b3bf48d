# Input: config.yaml and overlays. Output: nothing.
# Checks configuration, data and folders before any rule can run; names that the other files share.
import re
import shutil
import sys
import time
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

import hsokv
from hsokv.analysis.verdicts import summary
from hsokv.exceptions import HsokvError
from hsokv.machine import data_root, device
from hsokv.arms.registry import METHODS
from hsokv.encoders.files import hub_in_reach
from hsokv.files import write_text
from hsokv.arms.registry import METHODS
from hsokv.encoders.files import hub_in_reach
from hsokv.report.paper import check_paper
from hsokv.study.benchmarks import arms_of as defined_arms
from hsokv.study.benchmarks import module_of, task_of
from hsokv.study.config import KINDS, check_configuration, check_keys, selected
from hsokv.study.digest import code_digest, files_digest, value_digest
from hsokv.study.encoders import encoder_of, encoders_of
from hsokv.study.preflight import (
    attempt,
    check_data,
    check_folder,
    hold_folder,
)
from hsokv.study.runs import PROTOCOLS
from hsokv.study.wall_time import began

BASE = Path(workflow.basedir)
STARTED = time.monotonic()
HELD = []  # what holds the results folder
R = config["results"]
ENVIRONMENT = str(BASE / "envs" / "study.yaml")

try:
    if BASE not in Path(hsokv.__file__).parents:
        raise HsokvError(
            f"the package in use is {hsokv.__file__}, not the one of this study in {BASE}; "
            "run `make environment`, or `pip install -e .` in your own"
        )
    check_keys(workflow.configfiles)
    check_configuration(config)
    study, LEFT_OUT = selected(config)
    config.clear()
    config.update(study)
    check_paper(
        config["paper"],
        {
            "study",
            "cartpole",
            *config["benchmarks"],
            *(entry["name"] for entry in config["contrasts"]),
        },
    )
    DEVICE = device()
    check_folder(Path(R))
    DATA = check_data(config, data_root(), Path(R) / "data")
except HsokvError as error:
    raise WorkflowError(str(error))

# What was asked for, benchmarks that were taken out included: an overlay of this says all of it.
IN_FORCE = {
    **config,
    "benchmarks": config["benchmarks"] | dict.fromkeys(LEFT_OUT),
}
config["arms"] = [*config["variants"], *config["baselines"]]
BENCHMARKS = config["benchmarks"]
ENCODERS = encoders_of(config)
in_reach = cache(hub_in_reach)  # asked at most once


# Overlays by name, those of the repository with their folder.
OVERLAYS = [
    path.relative_to(BASE).as_posix() if BASE in path.parents else path.name
    for path in map(Path, workflow.overwrite_configfiles)
]


def script_path(name):
    return BASE / "rules" / "scripts" / name


def code_of(modules, scripts):
    """The digest of code as a parameter that is made when a job asks for it.

    Made at once, the digests of all rules would cost every start a second, one that asks for a single target too.
    """
    return lambda wildcards: code_digest(modules, scripts)


def print_summary():
    """Tell how the study stands, once it stands and something was asked of it that makes it."""
    asked = set(workflow.dag_settings.targets)
    if not asked & {"explain", "validate"} and all(
        Path(path).exists() for path in STATISTICS
    ):
        minutes = (time.monotonic() - STARTED) / 60
        print(summary(Path(R), pdf=bool(TEX), minutes=minutes), file=sys.stderr)


def begin():
    """Take the results folder for this run, until the process ends."""
    try:
        HELD.append(hold_folder(Path(R)))
    except HsokvError as error:
        raise WorkflowError(str(error))


def without_folder(encoder):
    """What the configuration says of an encoder, its folder apart: one that moved makes nothing stale."""
    return {key: value for key, value in ENCODERS[encoder].items() if key != "folder"}


def headline_encoder(benchmark):
    """What the configuration says of the text encoder of a benchmark's headline; None where there is none."""
    definition = BENCHMARKS[benchmark]
    condition = definition["conditions"][definition["headline"][0]]
    return ENCODERS.get(
        definition["kind"] == "texts" and encoder_of(condition, config["encoder"])
    )


def of_kind(kind):
    """Name and definition of the benchmarks of one kind."""
    return [item for item in BENCHMARKS.items() if item[1]["kind"] == kind]


def arms_of(benchmark):
    """The study's arms that are defined for a benchmark."""
    return defined_arms(BENCHMARKS[benchmark], config["arms"])


# What the study is, wherever it lies and whatever is said of it.
DIGEST = value_digest(
    {
        key: value
        for key, value in config.items()
        if key
        not in (
            "expected_failures",
            "arms",
            "distributed",
            "encoder",
            "paper",
            "results",
        )
    }
)
RECORDS = [
    f"{R}/records/{benchmark}/{arm}.jsonl"
    for benchmark, definition in BENCHMARKS.items()
    for arm in (*arms_of(benchmark), *definition.get("controls", []))
]
# Made last by every job of records: see rules/training.smk.
COMPLETE = [re.sub(r"([^/]+)\.jsonl$", r".\1.complete", path) for path in RECORDS]
BEGAN = [began(RECORDS)]
