"""The package as a wheel, for a folder that carries the code which it is loaded with."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib import metadata, resources
from importlib.resources.abc import Traversable

import hsokv

WHEEL = f"hsokv-{hsokv.__version__}-py3-none-any.whl"
NEEDS = ("torch>=2.13", "numpy>=2.2", "transformers>=5.0", "safetensors>=0.5")
"""What of others a model needs, as pyproject.toml has it."""

_INFO = f"hsokv-{hsokv.__version__}.dist-info"
_METADATA = f"""Metadata-Version: 2.4
Name: hsokv
Version: {hsokv.__version__}
Summary: The code of the models beside it
License-Expression: MIT
Requires-Python: >=3.11
{"".join(f"Requires-Dist: {need}" + chr(10) for need in NEEDS)}"""
_WHEEL = "Wheel-Version: 1.0\nGenerator: hsokv\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel() -> bytes:
    """The package that runs now, as a file that pip installs and that Python imports from where it lies.

    The same code gives the same bytes.
    """
    files = dict(_modules(resources.files("hsokv"), "hsokv"))
    files |= {f"{_INFO}/METADATA": _METADATA.encode(), f"{_INFO}/WHEEL": _WHEEL.encode()}
    files |= {f"{_INFO}/licenses/LICENSE": licence.encode() for licence in _licence()}
    rows = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in files.items()]
    files[f"{_INFO}/RECORD"] = "\n".join([*rows, f"{_INFO}/RECORD,,", ""]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _modules(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = f"{name}/{entry.name}"
        if entry.is_dir():
            yield from _modules(entry, path)
        elif entry.name.endswith(".py"):
            yield path, entry.read_bytes()


def _licence() -> list[str]:
    """The text of the licence, where the package was installed with it."""
    try:
        text = metadata.distribution("hsokv").read_text("licenses/LICENSE")
    except metadata.PackageNotFoundError:
        text = None
    return [text] if text else []


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
