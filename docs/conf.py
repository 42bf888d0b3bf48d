"""The site: `make docs` builds it offline into docs/_build, with warnings as errors."""

import subprocess
import sys
from pathlib import Path

from hsokv import __version__

HERE = Path(__file__).parent

project, author, release = "H-SOKV", "The H-SOKV authors", __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
html_theme = "furo"
html_title = f"H-SOKV {release}"
html_copy_source = html_show_sphinx = html_show_copyright = False
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
default_role = "code"  # in docstrings `name` is code
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 90

# The command line says itself what it takes.
commands = HERE / "generated" / "command-line.md"
commands.parent.mkdir(exist_ok=True)
made = [sys.executable, "-m", "typer", "hsokv.cli", "utils", "docs", "--name", "hsokv", "--title", "Command line"]
commands.write_text(subprocess.run(made, check=True, capture_output=True, text=True).stdout, encoding="utf-8")
