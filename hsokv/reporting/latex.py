"""Text as LaTeX: what is printed looks as it was written, whatever characters it holds."""

import re

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    '"': "''",
    "\N{NO-BREAK SPACE}": "~",
    "\N{MINUS SIGN}": r"$-$",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{DAGGER}": r"\dag{}",
}
_MINUS = re.compile(r"(?<![\w.,$}-])-(?=\d)")
_POWER = re.compile(r"(?<![\w.])(\d+\.\d+)e(-?\d+)(?!\w)")


class Tex(str):
    """LaTeX that is printed as it stands."""


def escape_latex(text: object) -> Tex:
    """Return text as LaTeX that prints the same characters; `Tex` stays as it is.

    >>> escape_latex("50 % of sst2_synthetic")
    '50 \\\\% of sst2\\\\_synthetic'
    """
    if isinstance(text, Tex):
        return text
    return typeset_numbers("".join(_SPECIAL.get(character, character) for character in str(text)))


def typeset_numbers(latex: str) -> Tex:
    r"""Return LaTeX with minus signs and powers of ten as mathematics.

    >>> typeset_numbers("-2.1 [-3.0, 1.0], 1.2e9")
    '$-$2.1 [$-$3.0, 1.0], $1.2\\times 10^{9}$'
    """
    return Tex(_MINUS.sub("$-$", _POWER.sub(r"$\1\\times 10^{\2}$", latex)))


def latex_code(text: object) -> Tex:
    """Return text in typewriter letters that may break after `_ / . : -` and within a long checksum.

    >>> latex_code("kv_only")
    '\\\\texttt{kv\\\\_\\\\allowbreak{}only}'
    """
    breakable = re.sub(r"(\\_|[/.:-]|[0-9a-f]{16}(?=[0-9a-f]))", r"\1\\allowbreak{}", escape_latex(text))
    return Tex(rf"\texttt{{{breakable}}}")
