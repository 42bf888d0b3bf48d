"""What every job of the study does around its work: output to its log, and mistakes told in one line."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from hsokv.exceptions import HsokvError


@contextmanager
def job(log: str | Path) -> Iterator[None]:
    """Send what is printed to `log`, line by line; an HsokvError ends the process with its message alone.

    Any other exception is a fault of the program, so its traceback goes to the log.
    """
    with open(log, "w", buffering=1, encoding="utf-8") as stream, redirect_stdout(stream), redirect_stderr(stream):
        try:
            yield
        except HsokvError as error:
            stream.write(f"error: {error}\n")
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=stream)
            sys.exit(1)
