"""Characters of many scripts as LaTeX for pdfTeX, so that they print as they were typed."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "<": r"$<$",
    ">": r"$>$", "|": r"$|$", "_": r"\_\allowbreak{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
}  # fmt: skip
ABOVE = dict(zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c", "`'^~=u.\"rHv", strict=True))
HORN = "\u031b"
VIETNAMESE = {"\u0309": "h", "o\u031b": r"\ohorn", "O\u031b": r"\OHORN", "u\u031b": r"\uhorn", "U\u031b": r"\UHORN"}
BELOW = dict(zip("\u0323\u0327\u0328\u0331", "dckb", strict=True)) | {"\u0326": "textcommabelow"}
OWN = {"\N{NO-BREAK SPACE}": "~", "\N{NON-BREAKING HYPHEN}": "\\mbox{-}", "\N{EURO SIGN}": "\\texteuro{}"}
CJK = {"gbsn": "gb2312", "bsmi": "big5", "min": "shift_jis", "mj": "euc_kr"}  # fonts, and the codec of what each has
POWER = re.compile(r"(?<![\w.])(\d+\.\d+)e(-?\d+)(?!\w)")
_NUMBER = re.compile(rf"{POWER.pattern}|(?<![\w.,$}}-])-(?=\d)")
_WIDE_SCRIPT = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef]+")
_WORD = re.compile(r"[^\W\d_]*[\u0100-\u024f\u1e00-\u1eff][^\W\d_]*")  # whose letters are set of several signs
LONG_WORD = re.compile(r"[^\W\d_]{31,}")  # may be cut anywhere, without a hyphen
_BREAK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]*[\x00-\x1f\x7f-\x9f\u2028\u2029][\s\x00-\x1f\x7f-\x9f]*")
_MARKED = re.compile("(\\w)([\u0300-\u036f]+)")


@cache
def command_of(character: str) -> str | None:
    r"""LaTeX that prints a character outside of ASCII with fonts that pdfTeX has, None where there is none.

    >>> command_of("ś"), command_of("ặ"), command_of("α"), command_of("א")
    ("{\\'s}", '{\\d{\\u{a}}}', '{\\ensuremath{\\alpha}}', None)
    """
    from pylatexenc.latexencode import get_builtin_uni2latex_dict

    known = OWN.get(character) or get_builtin_uni2latex_dict().get(ord(character))
    if known and "\N{CYRILLIC CAPITAL LETTER IE WITH GRAVE}" <= character <= "\u04ff":
        return _in_encoding("T2A", known, character)
    base, *marks = unicodedata.normalize("NFD", character)
    if known in OWN.values():
        return known
    if "\u0309" in marks or HORN in marks:
        base = VIETNAMESE[base + HORN] if HORN in marks else base
        letter = _accented(base, [mark for mark in marks if mark != HORN])
        return letter and _in_encoding("T5", letter, character)
    return f"{{{known}}}" if known else _accented(base, marks) if marks else None


def _in_encoding(encoding: str, tex: str, character: str) -> str:
    return rf"\inencoding{{{encoding}}}{{{tex}}}{{{_code_points(character)}}}"


def _code_points(text: str) -> str:
    return "".join(rf"[U+{ord(character):04X}]\allowbreak{{}}" for character in text)


def _accented(base: str, marks: Iterable[str]) -> str | None:
    """A letter below its marks; those under it are set last, around the others."""
    found = base if base.isascii() else command_of(base)
    if not marks:
        return found
    for mark in sorted(marks, key=lambda mark: mark in BELOW):
        command = (ABOVE | BELOW | VIETNAMESE).get(mark)
        found = rf"\{command}{{{found}}}" if command and found else None
    return found and f"{{{found}}}"


def font_of(characters: str) -> str | None:
    """The font of Chinese, Japanese or Korean that has all of the characters; None where there is none."""
    for font, codec in CJK.items():
        try:
            characters.encode(codec)
        except UnicodeEncodeError:
            continue
        return font
    return None


def unprintable(text: str) -> str:
    """The characters of a text that `printable` cannot print, each once.

    >>> unprintable("José Đặng, Sądowska, Țepeș, 王伟: α, שלום")
    'שלום'
    """
    text = _MARKED.sub(lambda match: _accented(match[1], match[2]) or match[0], unicodedata.normalize("NFC", text))
    left = "".join(run for run in re.split(f"({_WIDE_SCRIPT.pattern})", text) if not _of_font(run))
    return "".join(
        dict.fromkeys(c for c in left if not (c.isascii() and (c.isprintable() or c in "\n\t")) and not command_of(c))
    )


def _of_font(run: str) -> str | None:
    return font_of(run) if _WIDE_SCRIPT.fullmatch(run) else None


def printable(tex: str) -> tuple[str, list[str]]:
    r"""LaTeX whose characters outside of ASCII pdfTeX can print, and the lines that its preamble needs for them.

    What has no font reads [U+05D0], also where TeX lacks the package: Chinese, Japanese and Korean come from CJKutf8,
    Cyrillic from T2A, hooks and horns of Vietnamese from T5. page.tex defines the commands.
    """
    tex = _MARKED.sub(lambda match: _accented(match[1], match[2]) or match[0], unicodedata.normalize("NFC", tex))
    parts = re.split(f"({_WIDE_SCRIPT.pattern})", tex)
    tex = "".join(
        rf"\inCJK{{{font}}}{{{part}}}{{{_code_points(part)}}}" if (font := _of_font(part)) else part for part in parts
    )
    tex = _WORD.sub(lambda match: _typed(match[0], match[0]), tex)
    outside = sorted({c for part in parts if not _of_font(part) for c in part if not c.isascii()})
    lines: list[str] = []
    for character in outside:
        command = command_of(character)
        if command:
            command = command if character in OWN or _WORD.match(character) else _typed(character, command)
            lines.append(rf"\DeclareUnicodeCharacter{{{ord(character):04X}}}{{{command}}}")
        else:
            tex = tex.replace(character, _code_points(character))
    encodings = [encoding for encoding in ("T2A", "T5") if any(rf"\inencoding{{{encoding}}}" in line for line in lines)]
    fonts = [rf"\IfFileExists{{{e.lower()}enc.def}}{{\usepackage[{e},T1]{{fontenc}}}}{{}}" for e in encodings]
    wide = r"\IfFileExists{CJKutf8.sty}{\usepackage{CJKutf8}}{}"
    return tex, fonts + [wide] * (r"\inCJK{" in tex) + lines


def _typed(text: str, tex: str) -> str:
    """LaTeX of a text, from whose PDF readers copy the text; page.tex defines the command."""
    return rf"\typed{{{text.encode('utf-16-be').hex().upper()}}}{{{tex}}}"


def one_line(text: str) -> str:
    r"""A text with a blank for each line break and control character, which no table, caption or title can hold.

    >>> one_line("one\n\n\ttwo\x00")
    'one two '
    """
    return _BREAK.sub(" ", text) if not text.isprintable() else text


def label(name: str) -> str:
    """A name as TeX can refer to it.

    >>> label("cảm_xúc")
    'cu1ea3m_xufac'
    """
    return "".join(c if c.isascii() else f"u{ord(c):x}" for c in name)


def escape(text: str, *, numbers: bool = True) -> str:
    r"""Text as LaTeX; with `numbers`, minus signs and powers of ten are set as mathematics.

    >>> escape("Fine-tuning at 3.0e-5 changes -2.1 %")
    'Fine-tuning at $3.0\\times 10^{-5}$ changes $-$2.1 \\%'
    """
    text = one_line(text)
    apart = re.sub(r"-(?=-)|([`'?!])(?=[`'])|([<>,])(?=\2)", lambda m: m[0] + "\0", text)  # no ligatures
    apart = LONG_WORD.sub(lambda word: re.sub("(.{5})", "\\g<1>\1", word[0]), apart)
    latex = "".join({"\0": "{}", "\1": r"\allowbreak{}"}.get(c) or SPECIAL.get(c, c) for c in apart)
    return _NUMBER.sub(lambda m: rf"${m[1]}\times 10^{{{m[2]}}}$" if m[1] else "$-$", latex) if numbers else latex


def pdf_string(text: str) -> str:
    r"""Text as a string of a PDF in UTF-16, written with octal numbers, for pdfTeX to copy as it stands.

    >>> pdf_string("a")
    '\\string\\376\\string\\377\\string\\000\\string\\141'
    """
    content = b"\xfe\xff" + unicodedata.normalize("NFC", text).encode("utf-16-be")
    return "".join(rf"\string\{byte:03o}" for byte in content)
