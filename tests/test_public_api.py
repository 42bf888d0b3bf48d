"""The public names: light to import, complete, and the same for type checkers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hsokv

STUB = Path(hsokv.__file__).with_suffix(".pyi")


def test_importing_the_package_loads_neither_torch_nor_numpy():
    code = "import sys, hsokv; dir(hsokv); sys.exit(bool({'torch', 'numpy', 'transformers'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=STUB.parents[1], timeout=120)


@pytest.mark.parametrize("name", hsokv.__all__)
def test_every_public_name_resolves_to_what_bears_it(name):
    assert getattr(hsokv, name).__name__ == name
    assert name in dir(hsokv)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = hsokv.no_such_name


def test_type_checkers_are_told_the_same_names():
    imports = [node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ImportFrom)]
    assert {alias.asname for node in imports for alias in node.names} == set(hsokv.__all__)
    assert (STUB.parent / "py.typed").exists()
