"""Wheel and sdist build, and the wheel works in an environment of its own."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import hsokv

REPOSITORY = Path(__file__).resolve().parents[3]
USE = """
import sys, torch, hsokv
from hsokv import KeyValueMemory
memory = KeyValueMemory(key_dim=8, classes=3, capacity=10)
memory.write(torch.eye(3, 8), torch.arange(3))
print(hsokv.__version__, hsokv.__file__, memory(torch.eye(3, 8)).argmax(-1).tolist())
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The folder of wheel and sdist, built of a copy of the sources."""
    folder = tmp_path_factory.mktemp("package")
    for part in ("hsokv", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (REPOSITORY / part).is_dir() else shutil.copy2
        copy(REPOSITORY / part, folder / part)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "dist"


def test_both_hold_every_module_and_the_licence(built):
    modules = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "hsokv").rglob("*.py")}
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    assert modules | {"hsokv/py.typed", "hsokv/__init__.pyi"} <= names
    assert any(name.endswith("LICENSE") for name in names)
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    assert modules | {"LICENSE", "pyproject.toml"} <= inside


def test_the_wheel_works_in_an_environment_of_its_own(built, tmp_path):
    """Its dependencies are seen from this environment, its code comes from the wheel alone."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    site = next((tmp_path / "venv/lib").glob("python*/site-packages"))
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    places = [path for path in sys.path if path.endswith("site-packages")]
    (site / "dependencies.pth").write_text("\n".join(places) + "\n")
    python = tmp_path / "venv/bin/python"
    done = subprocess.run([python, "-I", "-c", USE], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    version, place, read = done.stdout.split(" ", 2)
    assert version == hsokv.__version__
    assert Path(place).is_relative_to(site)
    assert read.strip() == "[0, 1, 2]"
    shown = [python, "-I", "-c", "from hsokv.cli import app; app(['--help'], prog_name='hsokv')"]
    helped = subprocess.run(shown, cwd=tmp_path, capture_output=True, text=True)
    assert "verify" in helped.stdout, helped.stderr
