"""Errors a user can act on: each message says what was wanted, what came and what to do."""

import difflib
from collections.abc import Iterable
from numbers import Integral, Real


class HsokvError(Exception):
    """Base of every error that is meant for a person, shown without a traceback."""


class ConfigurationError(HsokvError, ValueError):
    """A configuration value is unknown, of the wrong type or out of range."""


class DataError(HsokvError, ValueError):
    """A data file is there but is not what it should be."""


class DataUnavailableError(HsokvError):
    """Data or weights cannot be had now; the study goes on and says `not run: <reason>`.

    The message is the reason that stands in tables, so it names no error of the moment:
    the same machine state must give the same bytes.
    """


class EncoderError(HsokvError, ValueError):
    """Encoder files are damaged, of another revision or fail their checksum."""


class ModelError(HsokvError, ValueError):
    """A saved model is damaged, incomplete, or not of this package."""


class RecordError(HsokvError):
    """A record cannot be read, or was made by something else than what is asked for."""


class ArchiveError(HsokvError, ValueError):
    """An archive is damaged, holds what it must not, or would break the rules of the place it is sent to."""


class BudgetError(HsokvError, ValueError):
    """A budget is too small for one step, or an operation cannot be counted."""


class SwarmCollapsedError(HsokvError, RuntimeError):
    """Every agent of the swarm failed, so there is nothing to select from."""


class BackendError(HsokvError, RuntimeError):
    """Workers cannot be had, do not answer or are all lost, or what they found cannot be kept."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the nearest known one, or all of them.

    >>> nearest("knm", ["knn", "ridge"])
    "; did you mean 'knn'?"
    """
    names = sorted(map(str, known))
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(names)}"


def check_known(place: str, name: str, known: Iterable[str]) -> None:
    """Raise ConfigurationError where `name`, written at `place`, is none of the `known` ones."""
    if name not in known:
        raise ConfigurationError(f"{place}: unknown name {name!r}{nearest(name, known)}")


def check_count(value: object, name: str, least: int = 1) -> int:
    """A whole number of at least `least`, of Python or numpy; raises ConfigurationError."""
    if not isinstance(value, Integral) or isinstance(value, bool) or not least <= value < 2**63:
        raise ConfigurationError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)


def check_positive(value: object, name: str) -> float:
    """A number above 0 that float32 can hold; raises ConfigurationError."""
    if not isinstance(value, Real) or not 0 < value < 1e38:
        raise ConfigurationError(f"{name} must be a finite number above 0, got {value!r}")
    return float(value)
