import importlib
import sys

import pytest

from hsokv.study import digest
from hsokv.study.digest import code_digest, files_digest, value_digest

FILES = {
    "__init__.py": '"""A copy."""\n',
    "top.py": '"""Top."""\nfrom hsokv.low import add\n\ndef run(x):\n    """Run."""\n    # why\n    return add(x)\n',
    "low.py": "def add(x):\n    return x + 1\n",
    "knn.py": "K = 1\n\ndef cut(x):\n    return x[:1, 2:]\n",
    "table.py": 'METHODS = {"knn": "hsokv.knn"}\n',
    "typed.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from hsokv.low import add\n\nX = 1\n",
    "inner.py": "def load():\n    from hsokv.low import add\n\n    return add\n",
}


@pytest.fixture
def differs(tmp_path, monkeypatch):
    """differs(module, file, old, new): does that change of a file change the digest of a module of a small package?"""
    saved = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "hsokv"}
    caches = (digest._code, digest._path)
    folder = tmp_path / "hsokv"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))

    def forget():
        for name in [name for name in sys.modules if name.split(".")[0] == "hsokv"]:
            del sys.modules[name]
        for cached in caches:
            cached.cache_clear()
        importlib.invalidate_caches()

    def digested(module):
        forget()
        return code_digest([module])

    def differs(module, name, old, new):
        before = digested(module)
        (folder / name).write_text(FILES.get(name, "").replace(old, new))
        return digested(module) != before

    yield differs
    forget()
    sys.modules.update(saved)


@pytest.mark.parametrize(
    ("module", "name", "old", "new"),
    [
        ("hsokv.top", "top.py", "# why", "# because"),
        ("hsokv.top", "top.py", '    """Run."""\n', ""),
        ("hsokv.top", "top.py", "add(x)", "add( x )\n\n"),
        ("hsokv.knn", "knn.py", "K = 1\n", 'K = 1\n"""Neighbours."""\n'),
        ("hsokv.table", "knn.py", "1", "2"),
        ("hsokv.top", "extra.py", "", "X = 1\n"),
        ("hsokv.typed", "low.py", "1", "2"),
    ],
    ids=["comment", "docstring", "layout", "attribute's docstring", "named in a string", "unused", "for types"],
)
def test_what_changes_no_result_does_not_count(differs, module, name, old, new):
    assert not differs(module, name, old, new)


@pytest.mark.parametrize(
    ("module", "name", "old", "new"),
    [
        ("hsokv.top", "top.py", "return", "return 2 *"),
        ("hsokv.top", "low.py", "1", "2"),
        ("hsokv.inner", "low.py", "1", "2"),
        ("hsokv.table", "table.py", "knn", "top"),
        ("hsokv.knn", "knn.py", "[:1, 2:]", "[:1, 3:]"),
    ],
)
def test_a_changed_line_counts_in_the_module_and_in_what_it_imports_anywhere(differs, module, name, old, new):
    assert differs(module, name, old, new)


def test_scripts_count_by_their_syntax(tmp_path):
    script, other = tmp_path / "run.py", tmp_path / "other" / "run.py"
    other.parent.mkdir()
    script.write_text("from hsokv.exceptions import HsokvError\n")
    other.write_text("from hsokv.exceptions import HsokvError  # the same\n")
    assert code_digest([], [other]) == code_digest([], [script]) != code_digest([])


def test_every_arm_has_its_own_digest_of_all_it_uses():
    modules = ["hsokv.arms.knn", "hsokv.arms.ridge"]
    assert code_digest(modules) == code_digest(modules[::-1])
    assert code_digest(modules[:1]) != code_digest(modules[1:])
    assert {path.name for path in digest.closure(["hsokv.arms.registry"])} == {"registry.py"}
    swarm = {path.name for path in digest.closure(["hsokv.arms.population"])}
    assert {"supervisor.py", "manager.py", "functional.py", "loop.py", "optimizers.py", "budget.py"} <= swarm
    assert "knn.py" not in swarm
    with pytest.raises(ModuleNotFoundError, match=r"hsokv\.arms\.nothing"):
        code_digest(["hsokv.arms.nothing"])


def test_values_by_content_not_by_order():
    assert value_digest({"a": [1, 2], "b": None}) == value_digest({"b": None, "a": [1, 2]})
    assert value_digest([1, 2]) != value_digest([2, 1])
    with pytest.raises(ValueError, match="not JSON compliant"):
        value_digest(float("nan"))


def test_files_by_name_and_bytes(tmp_path):
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_text("x")
    other.write_text("y")
    both = files_digest([one, other], tmp_path)
    assert both == files_digest([other, one], tmp_path)
    other.write_text("z")
    assert files_digest([one, other], tmp_path) != both
