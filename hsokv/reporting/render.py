"""The report's pages from templates: every number is looked up in the ledger, and an unknown key ends the build.

In LaTeX a number is a macro, `\\hsokv{key}`, defined once in numbers.tex; in Markdown it is the text itself.
Templates are Jinja2 with undefined names as errors. The LaTeX template writes `<< >>` and `<% %>`, and what it prints
is escaped unless it is `Tex`. No date, host or time enters a page: the same statistics give the same bytes.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from hsokv.exceptions import ConfigurationError
from hsokv.files import write_text
from hsokv.records import RunRecord
from hsokv.reporting import ledger
from hsokv.reporting.asked import arms_of
from hsokv.reporting.bibliography import latex_citations, list_references, markdown_citations, read_entries
from hsokv.reporting.headline import CONTROLS, RELATIONS, headline
from hsokv.reporting.latex import Tex, escape_latex, latex_code
from hsokv.reporting.layout import lay_out, tidy
from hsokv.reporting.paper import authors_line, fill_abstract
from hsokv.reporting.table import Table

UNITS = {"percent": " %", "points": " points", "FLOPs": " FLOPs", "nats": " nats", "bits": " bits", "KiB": " KiB"}
UNITS |= {"nats x decades": " nats \N{MULTIPLICATION SIGN} decades"}
FIGURES = {  # by the table that each follows; on the pages of memory and swarm they stand apart
    "main": "accuracy",
    "contrasts": "contrasts",
    "memory": "memory",
    "conditions_rare_words": "rare_words_levels",
    "costs": "flops",
    **{name: name for name in ("learning_curve", "streams", "regret", "swarm", "lineage")},
}
MEMORY_PAGE = ("memory", "occupancy", "mended", "mended_examples", "most_read")  # tables, and figures of such names,
SWARM_PAGE = ("regret", "swarm", "lineage")  # in sections of their own
SCALING_PAGE = ("sharing", "speed", "validation", "projection")


class Numbers:
    """The ledger as templates see it; `used` keeps the keys that were printed.

    Every method raises ConfigurationError where a key is not in the ledger.
    """

    def __init__(self, numbers: Mapping[str, dict], *, latex: bool) -> None:
        self.numbers = numbers
        self.latex = latex
        self.used: set[str] = set()

    def measured(self, key: str) -> bool:
        """Whether the number is there; False where its run was not made."""
        return ledger.lookup(self.numbers, key)["status"] == "done"

    def n(self, key: str) -> str:
        """Print a number of the ledger, or `not run: reason`."""
        text = ledger.text(self.numbers, key)
        self.used.add(key)
        return Tex(rf"\hsokv{{{key}}}") if self.latex else text

    def quantity(self, key: str) -> str:
        """Print a number with its unit, or `not run: reason`."""
        unit = UNITS.get(ledger.lookup(self.numbers, key)["unit"], "") if self.measured(key) else ""
        return self._join(self.n(key), unit.replace(" ", "\N{NO-BREAK SPACE}") if self.latex else unit)

    def interval(self, stem: str, middle: str = "mean", low: str = "low", high: str = "high") -> str:
        """Print a number with its unit and, in brackets, its 95 % interval where it has one."""
        text = self.quantity(f"{stem}.{middle}")
        ends = [f"{stem}.{low}", f"{stem}.{high}"]
        if not all(self.measured(key) for key in (f"{stem}.{middle}", *ends)):
            return text
        return self._join(text, " [", self.n(ends[0]), ", ", self.n(ends[1]), "]")

    def named(self, name: str) -> str:
        """Print the number of a name with its unit, or that of a stem, `{name}.mean`, with its interval."""
        return self.interval(name) if f"{name}.mean" in self.numbers else self.quantity(name)

    def _join(self, *parts: str) -> str:
        return Tex("".join(escape_latex(part) for part in parts)) if self.latex else "".join(parts)


def render_report(
    statistics: dict,
    criteria: list[dict],
    tables: Mapping[str, Table],
    context: Mapping[str, Any],
    templates: Path,
    output: Path,
) -> dict[str, list[str]]:
    """Write report.md, report.tex, numbers.tex and references.bib into `output`, or nothing; return the keys of the
    numbers that each page prints.

    `statistics` and `criteria` are the documents of results/statistics; `tables` stand in the results in their order,
    "criteria" (wanted), those of streams and those of `MEMORY_PAGE`, `SWARM_PAGE` and `SCALING_PAGE` in sections of
    their own; `context` is that of `report_context`; `templates` holds the .j2 files, captions/ and references.bib.
    Figures are looked for in ../figures, those of `SCALING_PAGE` in ../scaling, seen from `output`.

    Raises:
        ConfigurationError: a template names a number, a value, a caption or a reference that is not there.
    """
    bibliography = _read(templates / "references.bib")
    entries = read_entries(bibliography)
    tables = {name: tidy(table) for name, table in tables.items()}
    study = statistics["study"]["benchmarks"]
    streams = [name for name, benchmark in study.items() if benchmark["stream"]]
    pages, used, cited = {}, {}, set()
    for name in ("report.md", "report.tex"):
        latex = name.endswith(".tex")
        numbers = Numbers(statistics["numbers"], latex=latex)
        names = {
            **context,
            "statistics": statistics,
            "criteria": criteria,
            "tables": tables,
            "table": _tables(tables, latex=latex),
            "figures": FIGURES,
            "streams": streams,
            "curved": [name for name, benchmark in study.items() if benchmark["shots"]],
            "stream_page": [name for name in tables if name == "published" or name.startswith("stream_")],
            "memory_page": MEMORY_PAGE,
            "swarm_page": SWARM_PAGE,
            "scaling_page": [name for name in SCALING_PAGE if name in tables],
            "with_streams": _with(statistics, "accuracy_task_incremental", "bwt_task_incremental", "retention"),
            "with_memory": _with(statistics, "accuracy_lost_without_memory", "gate_mean", "hit_rate", "hit_chance"),
            "with_swarm": _with(
                statistics, "diversity_initial", "diversity", "regret_area", "regret_end", "flops_share"
            ),
            "controls": {arm: words for arm, words in CONTROLS.items() if arm in statistics["study"]["arms"]},
            "missing_controls": [arm for arm in CONTROLS if arm not in statistics["study"]["arms"]],
            "headline": headline(statistics),
            "relations": RELATIONS,
            "not_run": _not_run(statistics, criteria),
            "caption": lambda figure: " ".join(_read(templates / "captions" / f"{figure}.rst").split()),
            "difference": _against(statistics, numbers, "difference", "low", "high"),
            "lift": _against(statistics, numbers, "lift", "lift_low", "lift_high"),
            "cite": latex_citations(entries) if latex else markdown_citations(entries, cited),
            "references": lambda: list_references(entries, cited),
            "authors": authors_line(context["paper"]),
            "abstract": _abstract(context["paper"], numbers),
            **{tool: getattr(numbers, tool) for tool in ("n", "quantity", "interval", "measured")},
        }
        try:
            pages[name] = _environment(templates, latex=latex).get_template(f"{name}.j2").render(names)
        except jinja2.TemplateError as error:
            raise ConfigurationError(f"{name}.j2: {error.message}; correct the template or its context") from error
        used[name] = numbers.used
    texts = {key: escape_latex(ledger.text(statistics["numbers"], key)) for key in sorted(used["report.tex"])}
    lines = [rf"\hsokvdefine{{{key}}}{{{text}}}" for key, text in texts.items()]
    pages["numbers.tex"] = "\n".join(["% Every number of report.tex, from the ledger.", *lines, ""])
    pages["references.bib"] = bibliography + "\n"
    for name, page in pages.items():
        write_text(output / name, page)
    return {name: sorted(keys) for name, keys in used.items()}


def report_context(
    configuration: Mapping[str, Any], records: Iterable[RunRecord], *, digest: str, versions: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the pages say of a study beside its numbers: benchmarks, arms, files, seeds and versions.

    `digest` is the configuration's SHA-256; `versions` maps programs to their versions. Data and encoder of a benchmark
    are those of its records.
    """
    records = sorted(records, key=lambda record: (record.benchmark, record.condition, record.arm, record.seed))
    benchmarks = []
    for name, settings in configuration["benchmarks"].items():
        here = [record for record in records if record.benchmark == name]
        found = [record.data for record in here if record.status == "done"]
        data = max(found, key=lambda data: bool(data.get("encoder")), default=None)  # controls need no encoder
        encoders = {data["encoder"].get("name"): data["encoder"] for data in reversed(found) if data.get("encoder")}
        benchmarks.append(
            {
                "name": name,
                "synthetic": name.endswith("_synthetic"),
                **{key: list(settings.get(key, ())) for key in ("headline", "conditions", "controls", "seeds")},
                "without": [arm for arm in configuration["arms"] if arm not in arms_of(configuration, name)],
                "reason": next((record.reason for record in here if record.reason), None if data else "no record"),
                "data": data,
                "encoders": sorted(map(str, encoders)),
                "files": [*(data or {}).get("files", {}).items(), *(f for e in encoders.values() for f in _files(e))],
            }
        )
    kept = {key: configuration[key] for key in ("arms", "contrasts", "evaluate_on", "paper")}
    kept["files"] = sorted({file for benchmark in benchmarks for file in benchmark.pop("files")})
    return {**kept, "benchmarks": benchmarks, "digest": digest, "versions": dict(sorted(versions.items()))}


def _against(statistics: dict, numbers: Numbers, *ends: str) -> Callable[[str, str], str]:
    """Return a function that prints how `full` differs from an arm on a benchmark, with its interval."""
    rows = (row for row in statistics["contrasts"] if (row["a"], row["score"]) == ("full", "accuracy"))
    names = {(row["benchmark"], row["b"]): row["name"] for row in rows}
    return lambda benchmark, arm: numbers.interval(names[benchmark, arm], *ends)


def _abstract(paper: Mapping[str, Any], numbers: Numbers) -> Callable[..., str]:
    """Return a function that prints the abstract; its named arguments are the sentences it may hold."""
    printed, words = (Tex, escape_latex) if numbers.latex else (str, str)
    return lambda **sentences: printed(
        fill_abstract(paper["abstract"], {name: words(text) for name, text in sentences.items()}, numbers.named, words)
    )


def _tables(tables: Mapping[str, Table], *, latex: bool) -> Callable[[str], str]:
    """Return a function that prints a table by its name."""
    return lambda name: lay_out(tables[name], f"tab:{name}") if latex else tables[name].to_markdown()


def _environment(templates: Path, *, latex: bool) -> jinja2.Environment:
    marks = {
        "block_start_string": "<%",
        "block_end_string": "%>",
        "variable_start_string": "<<",
        "variable_end_string": ">>",
        "comment_start_string": "<#",
        "comment_end_string": "#>",
        "finalize": escape_latex,
    }
    environment = SandboxedEnvironment(  # an archive of others is rendered with its own templates
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # no page is HTML; LaTeX is escaped by `finalize`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **(marks if latex else {}),
    )
    environment.filters["tex"] = Tex
    environment.filters["code"] = latex_code if latex else "`{}`".format
    return environment


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"report: wanted the file {path}; {error.strerror}; add it") from error


def _files(encoder: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Revision and checksums by what they are of; what it cost differs by seed and stands in the records."""
    of = {"revision": encoder["revision"]} if encoder.get("revision") else {}  # one in a folder has none
    return [(f"{encoder.get('name')}, {what}", told) for what, told in (of | encoder.get("sha256", {})).items()]


def _with(statistics: dict, *scores: str) -> list[str]:
    """Return the benchmarks on whose headline `full` has these scores, which a page names, run or not."""
    return [
        benchmark
        for benchmark in statistics["study"]["benchmarks"]
        if all(f"{benchmark}.headline.full.{score}.mean" in statistics["numbers"] for score in scores)
    ]


def _not_run(statistics: dict, criteria: list[dict]) -> list[tuple[str, str]]:
    """Return what was not run and why, each subject with each of its reasons once."""
    missing: dict[tuple[str, str], set[str]] = {}
    for row in statistics["scores"]:
        if row["status"] != "done":
            missing.setdefault((row["benchmark"], row["reason"]), set()).add(row["arm"])
    found = []
    for (name, reason), arms in missing.items():
        benchmark = statistics["study"]["benchmarks"][name]
        every = {*benchmark["arms"], *benchmark["controls"]}
        found.append((name if arms == every else f"{name}, {', '.join(sorted(arms))}", reason))
    return found + [(f"criterion {row['name']}", row["reason"]) for row in criteria if row["verdict"] == "not measured"]
