"""The rooms of the house: who may import whom, what may print, what a light import may load."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import hsokv

PACKAGE = Path(hsokv.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

BELOW = {
    "exceptions": set(),
    "typing": set(),
    "metrics": set(),
    "files": {"exceptions"},
    "machine": {"exceptions"},
    "memory": {"exceptions", "files"},
    "swarm": {"exceptions", "typing"},
    "distributed": {"exceptions", "files", "memory", "swarm"},
    "data": {"exceptions", "files", "machine"},
    "definitions": {"data"},
    "records": {"exceptions", "files"},
    "analysis": {"exceptions", "files", "metrics", "records", "definitions"},
    "learning": {"exceptions", "typing", "data", "swarm"},
    "encoders": {"exceptions", "files", "data", "learning", "machine"},
    "arms": {"exceptions", "typing", "data", "memory", "encoders", "swarm", "learning"},
    "hub": {"exceptions", "files", "metrics", "data", "memory", "arms", "encoders", "swarm", "learning", ""},
    "report": {"exceptions", "files", "analysis", "distributed", "definitions"},
    "archive": {"exceptions", "files", "records", "analysis", "report", "definitions"},
    "study": {
        "exceptions",
        "files",
        "machine",
        "metrics",
        "data",
        "definitions",
        "hub",
        "arms",
        "encoders",
        "records",
        "learning",
        "",
    },
    "cli": {
        "exceptions",
        "files",
        "analysis",
        "archive",
        "data",
        "definitions",
        "distributed",
        "encoders",
        "hub",
        "arms",
        "machine",
        "metrics",
        "records",
        "report",
        "study",
        "",
    },
    "": set(),  # hsokv/__init__.py
}


def room(path):
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: a relative import"
            names = [f"{node.module}.{alias.name}" if node.module == "hsokv" else node.module for alias in node.names]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            parts = name.split(".")
            if parts[0] == "hsokv":
                yield parts[1] if len(parts) > 1 and parts[1] in BELOW else ""


def name_of(path):
    return path.relative_to(PACKAGE).as_posix()


def test_every_room_is_on_the_plan():
    assert {room(path) for path in FILES} == set(BELOW)


def test_the_plan_has_no_circle():
    left = dict(BELOW)
    while left:
        free = {name for name, below in left.items() if not below & left.keys()}
        assert free, f"a circle among {sorted(left)}"
        left = {name: below for name, below in left.items() if name not in free}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_dependencies_point_downwards(path):
    upwards = set(imported_rooms(path)) - BELOW[room(path)] - {room(path)}
    assert not upwards, f"{name_of(path)} imports from {sorted(upwards)}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_command_line_prints(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            assert room(path) == "cli", f"{name_of(path)}:{node.lineno} prints"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_module_draws_from_the_global_generator(path):
    """numpy.random and torch's functions are reached through generators alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if called.startswith("np.random."):
            assert called in ("np.random.default_rng", "np.random.SeedSequence", "np.random.Generator"), called
        if called in ("torch.rand", "torch.randn", "torch.randint", "torch.randperm", "torch.multinomial"):
            assert any(keyword.arg == "generator" for keyword in node.keywords), f"line {node.lineno}: {called}"
        assert called not in ("torch.manual_seed", "random.seed", "np.random.seed"), f"line {node.lineno}: {called}"


def loaded_by(module):
    """Packages outside the standard library that an import loads, besides those that torch or numpy load themselves."""
    code = (
        "import json, sys\nimport torch, numpy\nbefore = {name.split('.')[0] for name in sys.modules}\n"
        f"import {module}\n"
        "after = {name.split('.')[0] for name in sys.modules}\n"
        "print(json.dumps([sorted(after - before - set(sys.stdlib_module_names)), sorted(after)]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent, timeout=120
    )
    return map(set, json.loads(run.stdout))


@pytest.mark.parametrize("module", ["hsokv.memory", "hsokv.arms.population"])
def test_the_core_loads_torch_and_numpy_alone(module):
    added, everything = loaded_by(module)
    assert added - {"triton"} == {"hsokv"}  # which torch for CUDA brings, and loads where it pleases
    assert not everything & {"pandas", "scipy", "transformers", "matplotlib", "sklearn", "snakemake"}


@pytest.mark.parametrize(
    "module", ["hsokv.records", "hsokv.analysis.statistics", "hsokv.report.tables", "hsokv.study.runs"]
)
def test_what_only_reads_numbers_needs_no_torch(module):
    """Nor scipy, until an interval is made."""
    code = f"import sys, {module}; sys.exit(bool({{'torch', 'scipy'}} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent, timeout=120)


def test_the_command_line_loads_no_torch():
    """So that help comes at once."""
    code = "import sys, hsokv.cli; sys.exit(bool({'torch', 'transformers', 'snakemake'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent, timeout=120)
