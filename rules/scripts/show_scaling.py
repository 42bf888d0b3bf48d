"""Tables and figures of the distributed swarm, from what was measured and what was projected."""

from pathlib import Path

from hsokv.files import write_text
from hsokv.records import read_sealed
from hsokv.reporting.layout import lay_out, tidy
from hsokv.reporting.scaling import read_scaling
from hsokv.reporting.scaling_figures import draw_scaling
from hsokv.reporting.scaling_tables import scaling_numbers, scaling_tables
from hsokv.study.job import job


def main(measured: Path, projected: Path, targets: list[Path]) -> None:
    """Write each target: a figure by its name, or the table of its name."""
    found, beyond = read_sealed(measured), read_sealed(projected)
    summed = read_scaling([measured, projected])
    tables = scaling_tables(summed, scaling_numbers(summed, measured.parent.as_posix()))
    for target in targets:
        if target.suffix in (".pdf", ".png"):
            draw_scaling(target, found, beyond)
            continue
        table = tables[target.stem]
        forms = {".md": table.to_markdown(), ".tex": lay_out(tidy(table), f"tab:{target.stem}"), ".csv": table.to_csv()}
        write_text(target, forms[target.suffix])


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(*map(Path, snakemake.input), [Path(path) for path in snakemake.output])
