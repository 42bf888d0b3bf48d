"""Text as LaTeX: what is printed looks as it was written, whatever characters it holds."""

import re
import unicodedata

from hsokv.reporting.quoted import Quoted

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"$\$$",  # in text it is of a font that many a TeX has as a bitmap alone
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
    "`": r"\`{}",  # \textasciigrave is of such a font, too
    "\N{NO-BREAK SPACE}": "~",
    "\N{MINUS SIGN}": r"$-$",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{DAGGER}": r"$\dagger$",
    "\N{DOUBLE DAGGER}": r"$\ddagger$",
    "\N{LEFT SINGLE QUOTATION MARK}": "`",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
}
_SPECIAL |= {"ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}"}
_ACCENTS = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": "."}
_ACCENTS |= {"\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c"}
_MINUS = re.compile(r"(?<![\w.,$}-])-(?=\d)")
_POWER = re.compile(r"(?<![\w.])(\d+\.\d+)e(-?\d+)(?!\w)")


class Tex(str):
    """LaTeX that is printed as it stands."""


def escape_latex(text: object) -> Tex:
    """Return text as LaTeX that prints the same characters; `Tex` stays as it is.

    Accented Latin letters are printed, of other letters the nearest plain ones, else the code point: [U+4E2D]. Numbers
    are typeset, but not within a `Quoted` text.

    >>> escape_latex("50 % of sst2_synthetic")
    '50 \\\\% of sst2\\\\_synthetic'
    """
    if isinstance(text, Tex):
        return text
    apart = re.sub("-(?=-)", "-\0", str(text))  # LaTeX would make one longer dash of two
    latex = "".join("{}" if character == "\0" else _as_latex(character) for character in apart)
    return Tex(latex) if isinstance(text, Quoted) else typeset_numbers(latex)


def _as_latex(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii():
        return character
    base, *marks = unicodedata.normalize("NFD", character)
    if len(marks) == 1 and marks[0] in _ACCENTS and base.isascii():
        return rf"\{_ACCENTS[marks[0]]}{{{base}}}"
    plain = [part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part)]
    if plain and all(part.isascii() and part != " " for part in plain):
        return "".join(_SPECIAL.get(part, part) for part in plain)
    return rf"[U+{ord(character):04X}]\allowbreak{{}}"


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
