"""Digests that say what a result was made by: configuration, code, data."""

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any


def value_digest(value: Any) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys.

    >>> value_digest({"a": 1, "b": 2}) == value_digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()


def code_digest(modules: Iterable[str], scripts: Iterable[Path] = ()) -> str:
    """SHA-256 over the syntax of modules, of all they import from this package, of scripts, and over the versions of
    torch and numpy.

    Comments, docstrings and layout do not count; a module named only in a string (a table of methods) is not followed.
    """
    closure: set[Path] = set()
    for path in (*map(Path, scripts), *(_find(module) for module in modules)):
        _follow(Path(path), closure)
    lines = [f"{name} {version(name)}" for name in ("numpy", "torch")]
    lines += sorted(f"{path.name} {_syntax(path)}" for path in closure)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _follow(path: Path, seen: set[Path]) -> None:
    if path in seen:
        return
    seen.add(path)
    for module in _imports(path):
        _follow(_find(module), seen)


@cache
def _find(module: str) -> Path:
    # By path: find_spec of a submodule imports its parents, and some of those import torch.
    package, *names = module.split(".")
    place = _folder(package).joinpath(*names)
    found = next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.exists()), None)
    if found is None:
        raise ModuleNotFoundError(f"no module {module}")
    return found


@cache
def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no package {package}")
    return Path(spec.origin).parent


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """Modules of this package that a file imports, at its top or inside its functions."""
    found = set()
    for node in ast.walk(_tree(path)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found |= {name for name in names if name.split(".")[0] == "hsokv" and _is_module(name)}
    return tuple(sorted(found))


@cache
def _is_module(name: str) -> bool:
    parent, _, last = name.rpartition(".")
    if not parent:
        return True
    folder = _find(parent).parent
    return _find(parent).name == "__init__.py" and ((folder / f"{last}.py").exists() or (folder / last).is_dir())


@cache
def _syntax(path: Path) -> str:
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(getattr(node, "body", None), list):
            node.body = [statement for statement in node.body if not _is_text(statement)] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a string alone: a docstring, of an attribute too."""
    value = getattr(statement, "value", None)
    return isinstance(statement, ast.Expr) and isinstance(value, ast.Constant) and isinstance(value.value, str)


def files_digest(paths: Iterable[Path], base: Path) -> str:
    """SHA-256 over the names (relative to `base`) and bytes of files; their times do not count."""
    lines = sorted(f"{path.relative_to(base)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
