"""The environments, the package and its citation say the same versions; CI runs what a developer runs."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import hsokv

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = dict(
    line.split("==") for line in (ROOT / "envs/lock.txt").read_text().splitlines() if line and not line.startswith("#")
)
LOCKED = {canonicalize_name(name): version for name, version in LOCK.items()}
OPTIONAL = PROJECT["optional-dependencies"]


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.name)
def test_an_environment_for_conda_installs_the_lock_on_a_python_that_is_tried(path):
    parts = yaml.safe_load(path.read_text())["dependencies"]
    python = next(
        part.removeprefix("python=") for part in parts if isinstance(part, str) and part.startswith("python=")
    )
    assert python in PROJECT["requires-python"]
    installed = [line for part in parts if isinstance(part, dict) for line in part["pip"]]
    assert installed == ["-r lock.txt"]
    assert (path.parent / "lock.txt").is_file()


@pytest.mark.parametrize("line", [*PROJECT["dependencies"], *OPTIONAL["study"], *OPTIONAL["train"], *OPTIONAL["dev"]])
def test_the_lock_holds_a_version_that_the_package_asks_for(line):
    wanted = Requirement(line)
    assert canonicalize_name(wanted.name) in LOCKED, f"{wanted.name} is not in envs/lock.txt"
    assert wanted.specifier.contains(LOCKED[canonicalize_name(wanted.name)], prereleases=True)


def test_one_version_stands_everywhere():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == hsokv.__version__
    assert re.search(rf"^## {re.escape(hsokv.__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)


def test_the_workflow_of_the_code_host_runs_what_ci_runs():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    assert [step["run"] for step in jobs["tests"]["steps"] if "run" in step] == [".ci/run"]
