"""Digests that say what a result was made by: configuration, code, data."""

import hashlib
import json
import marshal
import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from opcode import opmap
from pathlib import Path
from types import CodeType
from typing import NamedTuple


def value_digest(value: object) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys.

    >>> value_digest({"a": 1, "b": 2}) == value_digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()


def code_digest(modules: Iterable[str], scripts: Iterable[Path] = ()) -> str:
    """SHA-256 over the compiled code of modules, of all they import from this package, of scripts, and over the
    versions of torch and numpy.

    Comments, docstrings, layout and imports for types alone do not count; a module named only in a string (a table of
    methods) is not followed.
    """
    lines = [f"{name} {version(name)}" for name in ("numpy", "torch")]
    lines += sorted(f"{path.name} {_code(path).digest}" for path in closure(modules, scripts))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def closure(modules: Iterable[str], scripts: Iterable[Path] = ()) -> set[Path]:
    """The files of modules, of scripts, and of all that they import from this package."""
    found: set[Path] = set()
    left = [*map(Path, scripts), *map(_find, modules)]
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left += map(_find, _code(path).imports)
    return found


NOP = opmap["NOP"]
FOR_TYPES = re.compile(rb"^if TYPE_CHECKING:\n(?:    .*\n|\n)+", re.MULTILINE)


class _Code(NamedTuple):
    """The digest of a file's code, and the modules of this package that it imports, at its top or in its functions."""

    digest: str
    imports: tuple[str, ...]


@cache
def _code(path: Path) -> _Code:
    # Compiled: a few times faster than a walk through its syntax tree. Optimised: without docstrings.
    names: set[str] = set()
    source = FOR_TYPES.sub(b"if TYPE_CHECKING:\n    pass\n", path.read_bytes())
    content = _content(compile(source, "", "exec", dont_inherit=True, optimize=2), names)
    packages = {name for name in names if name.split(".")[0] == "hsokv"}
    named = packages | {f"{package}.{name}" for package in packages for name in names}
    imports = tuple(sorted(name for name in named if _path(name)))
    return _Code(hashlib.sha256(marshal.dumps(content, 2)).hexdigest(), imports)


def _content(code: CodeType, names: set[str]) -> tuple[object, ...]:
    """What of compiled code says what it does, without its lines; `names` takes up all names in it."""
    names |= set(code.co_names)
    constants = _constant(code.co_consts, names)
    steps = [code.co_code[at : at + 2] for at in range(0, len(code.co_code), 2)]
    does = b"".join(step for step in steps if step[0] != NOP)  # one stands where a docstring stood
    variables = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags, code.co_varnames)
    scopes = (code.co_freevars, code.co_cellvars, code.co_name, code.co_exceptiontable)
    return does, constants, code.co_names, variables, scopes


def _constant(value: object, names: set[str]) -> object:
    if isinstance(value, CodeType):
        return _content(value, names)
    if isinstance(value, slice):  # a constant from Python 3.14 on; marshal writes none without references to others
        return "slice", value.start, value.stop, value.step
    return tuple(_constant(part, names) for part in value) if isinstance(value, tuple) else value


def _find(module: str) -> Path:
    if path := _path(module):
        return path
    raise ModuleNotFoundError(f"no module {module}")


@cache
def _path(module: str) -> Path | None:
    """Its file; None where there is none. By path: find_spec of a submodule imports its parents, and so torch."""
    package, *names = module.split(".")
    place = Path(find_spec(package).origin).parent.joinpath(*names)
    return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.exists()), None)


def files_digest(paths: Iterable[Path], base: Path) -> str:
    """SHA-256 over the names (relative to `base`) and bytes of files; their times do not count."""
    lines = sorted(f"{path.relative_to(base)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
