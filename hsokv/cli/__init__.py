"""The command line, `hsokv`: a file for each group of commands. Exit codes: 0 good, 1 refused, 2 usage.

The one place that prints. Importing it loads neither torch nor transformers: help comes at once.
"""

from hsokv.cli import data, doctor, model, results, train
from hsokv.cli.common import app

__all__ = ["app"]

app.command("train")(train.train)
app.command("evaluate")(model.evaluate)
app.command("export")(train.export)
app.command("remember")(model.remember)
app.add_typer(data.group, name="data")
app.command("doctor")(doctor.doctor)
app.command("compare")(results.compare)
app.command("trace")(results.trace)
app.command("verify")(results.verify)
