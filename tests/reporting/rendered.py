"""The pages of the example study, rendered into a folder."""

from pathlib import Path

import yaml

from hsokv.reporting.criteria import judge_criteria
from hsokv.reporting.render import render_report, report_context
from hsokv.reporting.scaling import summarise
from hsokv.reporting.scaling_tables import scaling_numbers, scaling_tables
from hsokv.reporting.tables import all_tables

from .example_scaling import measured, projected
from .example_statistics import configuration, example_statistics, records

TEMPLATES = Path(__file__).parents[2] / "report"
PAPER = yaml.safe_load((TEMPLATES.parent / "config.yaml").read_text())["paper"]


def render(
    output: Path, *, small: bool = False, templates: Path = TEMPLATES, statistics=None, criteria=None, **changes
) -> Path:
    settings = configuration(small=small) | {"paper": PAPER}
    settings |= {"criteria": criteria} if criteria is not None else {}
    statistics = statistics or example_statistics(small=small)
    criteria = judge_criteria(statistics, settings)
    context = report_context(settings, records(small=small), digest="0f" * 32, versions={"python": "3.11"})
    scaling = summarise(measured(), projected())
    tables = all_tables(statistics, criteria) | scaling_tables(scaling, scaling_numbers(scaling, "results/scaling"))
    render_report(statistics, criteria, tables, {**context, **changes}, templates, output)
    return output
