"""Text that others wrote, such as an example of the data: printed as it stands, whatever characters it holds."""

import re


class Quoted(str):
    """A text of others: no character in it is markup. `escape_markdown` and `escape_latex` know it."""


def escape_markdown(text: str) -> str:
    r"""Return a cell of a Markdown table that prints `text`: a `Quoted` one with every mark escaped, on one line.

    >>> escape_markdown(Quoted("a_b | <i>")), escape_markdown("a_b | c")
    ('a\\_b \\| \\<i\\>', 'a_b \\| c')
    """
    marks = r"([\\`*_{}\[\]<>&$~^|#])" if isinstance(text, Quoted) else r"(\|)"
    return re.sub(marks, r"\\\1", text).replace("\n", " ")
