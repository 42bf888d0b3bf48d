import importlib
import sys

import pytest

from hsokv.study import digest
from hsokv.study.digest import code_digest, files_digest, value_digest

TABLE = 'METHODS = {"knn": "hsokv.knn"}\n'
FILES = {
    "__init__.py": '"""A copy."""\n',
    "top.py": '"""Top."""\nfrom hsokv.low import add\n\ndef run(x):\n    """Run."""\n    # why\n    return add(x)\n',
    "low.py": "def add(x):\n    return x + 1\n",
    "knn.py": "K = 1\n",
    "table.py": TABLE,
    "inner.py": "def load():\n    from hsokv.low import add\n\n    return add\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package of the name hsokv, in a folder of its own; changed by `write`, digested by `digest`."""
    saved = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "hsokv"}
    caches = (digest._code, digest._path)
    folder = tmp_path / "hsokv"
    folder.mkdir()

    def forget():
        for name in [name for name in sys.modules if name.split(".")[0] == "hsokv"]:
            del sys.modules[name]
        for cached in caches:
            cached.cache_clear()
        importlib.invalidate_caches()

    def write(name, text):
        (folder / name).write_text(text)

    def digested(*modules):
        forget()
        return code_digest(modules)

    for name, text in FILES.items():
        write(name, text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield write, digested
    forget()
    sys.modules.update(saved)


@pytest.mark.parametrize(
    "text",
    [
        FILES["top.py"].replace("# why", "# because"),
        FILES["top.py"].replace('"""Run."""', '"""Run it."""'),
        FILES["top.py"].replace('"""Top."""\n', ""),
        FILES["top.py"].replace('    """Run."""\n', ""),
        FILES["top.py"].replace("add(x)", "add( x )").replace("\n\n", "\n\n\n\n"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(package, text):
    write, digested = package
    before = digested("hsokv.top")
    write("top.py", text)
    assert digested("hsokv.top") == before


def test_the_docstring_of_an_attribute_does_not_count(package):
    write, digested = package
    before = digested("hsokv.knn")
    write("knn.py", 'K = 1\n"""Neighbours."""\n')
    assert digested("hsokv.knn") == before


@pytest.mark.parametrize("name", ["top.py", "low.py"])
def test_a_changed_line_counts_in_the_module_and_in_what_it_imports(package, name):
    write, digested = package
    before = digested("hsokv.top")
    write(name, FILES[name].replace("return", "return 2 *"))
    assert digested("hsokv.top") != before


def test_an_import_inside_a_function_is_followed(package):
    write, digested = package
    before = digested("hsokv.inner")
    write("low.py", FILES["low.py"].replace("1", "2"))
    assert digested("hsokv.inner") != before


def test_a_module_named_in_a_string_is_not_followed(package):
    write, digested = package
    before = digested("hsokv.table")
    write("knn.py", "K = 2\n")
    assert digested("hsokv.table") == before
    write("table.py", TABLE.replace("knn", "top"))
    assert digested("hsokv.table") != before


def test_a_new_module_that_nobody_imports_changes_nothing(package):
    write, digested = package
    before = digested("hsokv.top")
    write("extra.py", "X = 1\n")
    assert digested("hsokv.top") == before


def test_scripts_count_by_their_syntax(tmp_path):
    script = tmp_path / "run.py"
    script.write_text("from hsokv.exceptions import HsokvError\n")
    first = code_digest([], [script])
    assert first != code_digest([])
    other = tmp_path / "other" / "run.py"
    other.parent.mkdir()
    other.write_text("from hsokv.exceptions import HsokvError  # the same\n")
    assert code_digest([], [other]) == first


def test_order_of_modules_does_not_matter():
    modules = ["hsokv.arms.knn", "hsokv.arms.ridge"]
    assert code_digest(modules) == code_digest(modules[::-1])


def test_arms_that_share_no_code_have_their_own_digest():
    assert code_digest(["hsokv.arms.knn"]) != code_digest(["hsokv.arms.ridge"])


def test_the_registry_digest_does_not_cover_the_methods():
    closure = digest.closure(["hsokv.arms.registry"])
    assert {path.name for path in closure} == {"registry.py"}


def test_the_digest_of_the_swarm_covers_all_it_uses():
    closure = digest.closure(["hsokv.arms.population"])
    used = {"supervisor.py", "manager.py", "state.py", "functional.py", "loop.py", "optimizers.py", "budget.py"}
    assert used <= {path.name for path in closure}
    assert "knn.py" not in {path.name for path in closure}


def test_a_module_that_is_not_there_is_an_error():
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
