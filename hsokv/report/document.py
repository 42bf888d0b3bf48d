"""The report as report.md, report.tex and report.html, of one source: a template that yields Markdown for pandoc."""

import base64
import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from hsokv.analysis.frames import Config, Study
from hsokv.definitions import Paper
from hsokv.exceptions import ConfigurationError, HsokvError
from hsokv.files import write_text
from hsokv.report.cells import Cell, Key, fill, interval, listed
from hsokv.report.characters import LONG_WORD, escape, label, pdf_string, printable
from hsokv.report.findings import CONTROLS, RELATIONS, Finding, findings, lead, not_run, verdicts
from hsokv.report.paper import authors_of
from hsokv.report.provenance import Context, command, provenance
from hsokv.report.tables import View, table_names
from hsokv.report.tex import table_to_tex
from hsokv.report.write import Markdown, cells_to_markdown, escape_markdown, table_to_markdown

# What pandoc calls each form; where there is no pandoc, the first is its own source.
FORMS = {"md": "gfm-tex_math_gfm+tex_math_dollars", "html": "html", "tex": "latex"}
SOURCE = "report.md.j2"
SHOWN = ("digest", "versions", "overlays", "paths", "codes", "units", "rules", "numbers", "records")  # in the HTML
UNITS = {name: name for name in ("points", "FLOPs", "nats", "bits", "KiB")} | {"percent": "%"}  # told in prose
UNITS["nats x decades"] = "nats \N{MULTIPLICATION SIGN} decades".replace(" ", "\N{NO-BREAK SPACE}")
NO_PANDOC = (
    "report: there is no pandoc, so report.tex, report.html and report.pdf were not made; report.md is the source that "
    "they are made of. Install it with `pip install pypandoc-binary`, or as a program of its system, and run again."
)


class Printer:
    """What the template may call, for one form; keeps which numbers it printed, and how figures and tables count."""

    def __init__(self, view: View, form: str, figures: Path, captions: Path, labels: Mapping[str, int]) -> None:
        self.view, self.form, self.figures, self.captions = view, form, figures, captions
        self.labels, self.order, self.used = labels, {"fig": [], "tab": []}, set()

    def cell(self, parts: Cell) -> Markdown:
        """Keys and words, as they are printed in this form."""
        self.used |= {str(part) for part in parts if isinstance(part, Key)}
        return cells_to_markdown(parts, self.view.numbers, self.form)

    def n(self, key: str) -> Markdown:
        """A number, or `not run: reason`."""
        return self.cell((Key(key),))

    def quantity(self, key: str) -> Markdown:
        """A number with its unit."""
        return self.cell((Key(key), self._unit(key)))

    def interval(self, stem: str, end: str = "mean") -> Markdown:
        """A number with its unit and its interval, where it has one."""
        first, *rest = interval(self.view.numbers, f"{stem}.{end}")
        return self.cell((first, self._unit(first), *rest))

    def standings(self, found: Finding) -> Markdown:
        """How `full` stands to the memory alone and to the controls of its swarm on a benchmark."""
        groups = []
        for relation, words in RELATIONS.items():
            arms = [
                f"`{s.arm}` ({self.interval(s.contrast, 'difference')})" for s in found.rivals if s.relation == relation
            ]
            groups += [f"{words} {listed(arms)}"] if arms else []
        return Markdown(", and ".join(groups))

    def measured(self, key: str) -> bool:
        """Whether there is such a number, and a run gave it."""
        return self.view.done(key)

    def _unit(self, key: str) -> str:
        number = self.view.numbers[key]
        unit = UNITS.get(number.unit, "") if number.status == "done" else ""
        return unit and f"\N{NO-BREAK SPACE}{unit}"

    def fill(self, template: str, **sentences: str) -> Markdown:
        """The abstract: {names} are sentences, numbers, or stems of numbers with their intervals."""
        words: dict[str, Cell] = {name: (text,) for name, text in sentences.items()}
        for stem in re.findall(r"\{([^{}]*)\}", template):
            if f"{stem}.mean" in self.view.numbers:
                first, *rest = interval(self.view.numbers, f"{stem}.mean")
                words[stem] = (first, self._unit(first), *rest)
            elif stem not in words:
                words[stem] = (Key(stem), self._unit(stem))
        return self.cell(fill(template, words))

    def ref(self, kind: str, name: str) -> Markdown:
        """`Figure 3`, or `Table 3`, of a figure or table by its name."""
        word = {"fig": "Figure", "tab": "Table"}[kind]
        if self.form == "tex":
            return Markdown(f"`{word}~\\ref{{{kind}:{label(name)}}}`{{=latex}}")
        number = self.labels.get(f"{kind}:{name}", 0)
        return Markdown(
            f"[{word}\N{NO-BREAK SPACE}{number}](#{kind}-{name})" if self.form == "html" else f"{word} {number}"
        )

    def table(self, name: str) -> Markdown:
        """A table by its name; nothing where it has no rows."""
        table = self.view.table(name)
        if table.frame.empty:
            return Markdown("")
        number = self._count("tab", name)
        if not self.labels:  # the first pass is for the order alone
            return Markdown(" ")
        cells = [*(cell for row in table.rows for cell in row), table.caption, table.note]
        self.used |= {str(part) for cell in cells for part in cell if isinstance(part, Key)}
        if self.form == "tex":
            return Markdown(f"\n```{{=latex}}\n{table_to_tex(table, name, self.view.numbers)}\n```\n")
        return Markdown(table_to_markdown(table, self.view.numbers, self.form, f"tab-{name}", f"Table {number}. "))

    def figure(self, name: str) -> Markdown:
        """A figure by its name, with its caption."""
        number, caption = self._count("fig", name), self.caption(name)
        if self.form == "tex":
            graphics = rf"\includegraphics[width=\linewidth,height=.62\textheight,keepaspectratio]{{{name}}}"
            lines = [r"\begin{figure}\centering", graphics, rf"\caption{{{escape(caption)}}}\label{{fig:{name}}}"]
            return Markdown("\n```{=latex}\n" + "\n".join([*lines, r"\end{figure}"]) + "\n```\n")
        if self.form == "md":
            return Markdown(f"\n![{name}](../figures/{name}.png)\n\n*Figure {number}. {escape_markdown(caption)}*\n")
        words = escape_markdown(f"Figure {number}. {caption}")
        return Markdown(f"\n![{words}]({name}.png){{#fig-{name} alt={json.dumps(caption)}}}\n")  # see _filled

    def caption(self, name: str) -> str:
        """The caption of a figure, which Snakemake's own report has too."""
        return " ".join(_read(self.captions / f"{name}.rst").replace("`", "").split())

    def _count(self, kind: str, name: str) -> int:
        self.order[kind].append(name)
        return len(self.order[kind])


def write_report(
    statistics: Path,
    records: Iterable[str],
    templates: Path,
    figures: Path,
    output: Path,
    context: Context,
    *,
    measured: Iterable[str] = (),
    base: Path = Path(),
) -> None:
    """Write report.md, report.tex, report.html, references.bib and provenance.json into `output`.

    Args:
        statistics: results/statistics.
        records: paths below `base` of the files of records, for their checksums.
        templates: report/ with the source, captions, bibliography and style files.
        figures: the folder that holds `{name}.png` of every figure.
        context: what it is made with, all kept in provenance.json.
        measured: paths below `base` of other measurements.

    Raises:
        ConfigurationError: the source names a number, a value, a caption or a reference that is not there.
        HsokvError: there is no pandoc; report.md is written all the same.
    """
    study = Study.read(statistics)
    view, paper = View(study), context.paper
    environment, pandoc, printers, waiting = _environment(templates), _pandoc(), {}, {}
    variables = {"md": {}, "tex": _tex_variables(paper), "html": {"heading": html.escape(paper["title"], quote=False)}}
    with ThreadPoolExecutor() as pool:
        for form in FORMS:
            source, printers[form] = _render(environment, view, form, templates, figures, context)
            if not pandoc:
                write_text(output / "report.md", source)
                raise HsokvError(NO_PANDOC)
            waiting[form] = pool.submit(_convert, pandoc, form, source, variables[form], templates)
        pages = {form: page.result() for form, page in waiting.items()}
    used = set().union(*(printer.used for printer in printers.values()))
    document = provenance(study, view.numbers, used, {"records": records, "measured": measured}, context, base)
    folder = Path(study.about.get("records", "results/records")).with_name("statistics").as_posix()
    shown = {name: document[name] for name in SHOWN} | {"command": command(context.overlays), "statistics": folder}
    pages["html"] = _filled(pages["html"], shown, templates, figures)
    pages["tex"], lines = printable(pages["tex"])
    pages["tex"] = pages["tex"].replace("%CHARACTERS", "\n".join(lines), 1)
    for form, page in pages.items():
        write_text(output / f"report.{form}", page)
    write_text(output / "references.bib", _read(templates / "references.bib") + "\n")
    write_text(output / "provenance.json", _compact(document) + "\n")


def write_tables(statistics: Path, targets: Iterable[Path]) -> None:
    """Write each target, `{table}.{md, tex or csv}`, of the tables of results/statistics."""
    from hsokv.report.write import table_to_csv

    study = Study.read(statistics)
    view = View(study)
    for target in map(Path, targets):
        table = view.table(target.stem)
        if target.suffix == ".tex":
            text = "\n".join(printable(table_to_tex(table, target.stem, view.numbers))[:1])
        elif target.suffix == ".csv":
            text = table_to_csv(table, view.numbers)
        else:
            text = table_to_markdown(table, view.numbers, "file")
        write_text(target, text)


def _environment(templates: Path) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(  # an archive of others is rendered with its own source
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=escape_markdown,
        comment_start_string="{##",  # {#name} is an identifier in Markdown
        comment_end_string="##}",
    )
    environment.filters |= {"raw": Markdown, "code": lambda name: Markdown(f"`{name}`"), "listed": listed}
    environment.filters["codes"] = lambda names: Markdown(listed(f"`{name}`" for name in names))
    return environment


def _render(
    environment: SandboxedEnvironment, view: View, form: str, templates: Path, figures: Path, context: Context
) -> tuple[str, Printer]:
    """The Markdown that pandoc makes a form of; rendered twice, since a reference may come before what it names."""
    study, found = view.study, findings(view.study)
    names = {
        **context._asdict(),
        "about": study.about,
        "benchmarks": study.about["benchmarks"],
        "form": form,
        "study": study,
        "findings": found,
        "lead": lead(found),
        "verdicts": verdicts(study),
        "controls": CONTROLS,
        "relations": RELATIONS,
        "not_run": not_run(study),
        "authors": authors_of(context.paper),
        "command": command(context.overlays),
        "tables": table_names(
            {b: about["stream"] for b, about in view.benchmarks.items()}, scaling=bool(study.about.get("scaling"))
        ),
        "files": _files(view.benchmarks),
        "contrasts": study.contrasts.to_dict("records"),
        "drawn": lambda name: (figures / f"{name}.png").exists(),
    }
    labels: dict[str, int] = {}
    for _ in range(2):
        printer = Printer(view, form, figures, templates / "captions", labels)
        tools = ("n", "quantity", "interval", "measured", "fill", "ref", "table", "figure", "standings")
        try:
            page = environment.get_template(SOURCE).render(names | {tool: getattr(printer, tool) for tool in tools})
        except jinja2.TemplateError as error:
            raise ConfigurationError(f"{SOURCE}: {error.message}. Correct the source or its context.") from error
        labels = {f"{kind}:{name}": i for kind, order in printer.order.items() for i, name in enumerate(order, 1)}
    return page, printer


def _files(benchmarks: Mapping[str, Config]) -> list[tuple[str, str]]:
    """Checksums of the files of data and of encoders, and revisions of these, each once."""
    told = [(name, about.get("data", {}).get("files", {})) for name, about in benchmarks.items()]
    told += [(one["name"], one["sha256"]) for about in benchmarks.values() for one in about.get("encoders", ())]
    return sorted({(f"{name}, {file}", checksum) for name, files in told for file, checksum in files.items()})


def _pandoc() -> str | None:
    """The path of pandoc: the one that pypandoc-binary brings, else the system's."""
    try:
        import pypandoc

        return pypandoc.get_pandoc_path()
    except (ImportError, OSError):
        return shutil.which("pandoc")


def _convert(pandoc: str, form: str, source: str, variables: Mapping[str, str], templates: Path) -> str:
    """What pandoc makes of the source; no citation may be unknown."""
    settings: dict[str, object] = {
        "from": "markdown-smart" + ("-implicit_figures" if form == "md" else ""),
        "to": FORMS[form],
        "wrap": "preserve" if form == "md" else "none",
        "columns": 100_000,  # cells of any width: no relative widths
        "bibliography": [str((templates / "references.bib").resolve())],
        "fail-if-warnings": True,
        "variables": dict(variables),
    }
    settings |= {"cite-method": "natbib"} if form == "tex" else {"citeproc": True, "shift-heading-level-by": 1}
    if form != "md":
        settings |= {"standalone": True, "template": str((templates / f"page.{form}").resolve())}
    if form == "html":
        settings |= {
            "html-math-method": {"method": "mathml"},
            "table-of-contents": True,
            "toc-depth": 3,
            "section-divs": True,
        }
        settings["metadata"] = {"lang": "en"}
    with TemporaryDirectory() as scratch:
        defaults = Path(scratch) / "defaults.json"
        defaults.write_text(json.dumps(settings), encoding="utf-8")
        done = subprocess.run(
            [pandoc, "--defaults", str(defaults)],
            input=source.encode(),
            capture_output=True,
            check=False,
            env={**os.environ, "SOURCE_DATE_EPOCH": "0"},
        )
    if done.returncode:
        raise ConfigurationError(
            f"report.{form}: pandoc says: {done.stderr.decode('utf-8', 'replace').strip()}. Correct {SOURCE}."
        )
    page = done.stdout.decode("utf-8")
    if form == "md":  # brackets that open no link and signs that open no tag need no escape, and columns no padding
        page = re.sub(r"\\([<>])(?=[ =\d])", r"\1", page)
        page = re.sub(r"\\\[([^\]\\]*)\\\](?![(:\[])", r"[\1]", page)
        page = re.sub(
            r"^\|.*$", lambda row: re.sub("-{4,}", "---", re.sub(" {2,}", " ", row[0])), page, flags=re.MULTILINE
        )
    if form == "tex":  # long names and checksums may break
        parts = rf"\\(?:label|ref)\{{[^}}]*\}}|(\\_(?!\\allowbreak)|[0-9a-f]{{8}}(?=[0-9a-f]))|({LONG_WORD.pattern})"
        cut = r"\allowbreak{}"
        page = re.sub(parts, lambda p: re.sub("(.{5})", rf"\1\{cut}", p[2]) if p[2] else p[0] + cut * bool(p[1]), page)
    return page


def _tex_variables(paper: Paper) -> dict[str, str]:
    authors = authors_of(paper)
    places = list(dict.fromkeys(place for _, place in authors if place))

    def mark(place: str) -> str:
        return rf"\textsuperscript{{{places.index(place) + 1}}}" if place and len(places) > 1 else ""

    lines = [", ".join(rf"\name{{{escape(name)}}}{mark(place)}" for name, place in authors)]
    lines += [rf"{{\small {mark(place)}{escape(place)}}}" for place in places]
    names = "; ".join(name for name, _ in authors)
    fields = {"title": paper["title"], "author": names, "keywords": ", ".join(paper.get("keywords", ()))}
    shown = {"title": escape(paper["title"]), "authors": r"\\".join(lines)}
    return shown | {f"pdf{name}": pdf_string(text) for name, text in fields.items()}


def _filled(page: str, provenance: Mapping[str, object], templates: Path, figures: Path) -> str:
    """The page with its style, its script, its numbers and its figures, which pandoc would be slow to read."""
    parts = {"style": _read(templates / "report.css"), "script": _read(templates / "report.js")}
    parts["provenance"] = _compact(provenance).replace("</", "<\\/")
    page = re.sub(r'(<img\s+src=")([^"]*)\.png"', lambda image: f'{image[1]}{_embedded(figures, image[2])}"', page)
    return re.sub("<!--(STYLE|SCRIPT|PROVENANCE)-->", lambda part: parts[part[1].lower()], page)


def _embedded(figures: Path, name: str) -> str:
    """A figure as a data URI."""
    try:
        picture = (figures / f"{name}.png").read_bytes()
    except OSError as error:
        raise ConfigurationError(f"report: the figure {figures / name}.png is missing. Draw it first.") from error
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def _compact(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"report: the file {path} cannot be read ({error.strerror}). Restore it.") from error
