"""The command line, `hsokv`: a file for each group of commands. Exit codes: 0 good, 1 refused, 2 usage.

The one place that prints. Importing it loads neither torch nor transformers: help comes at once.
"""

from hsokv.cli import data, doctor, model, results, swarm, train, tune
from hsokv.cli.common import app

__all__ = ["app"]

app.command("train", short_help="Run one arm on one seed of a benchmark.")(train.train)
app.command("export", short_help="Save a run of the study as a model.")(train.export)
app.command("evaluate", short_help="Score a model on a table of texts.")(model.evaluate)
app.command("remember", short_help="Teach a model texts, without gradients.")(model.remember)
app.command("tune", short_help="Train a model on a table, with gradients.")(tune.tune)
app.command("swarm", short_help="Run the distributed swarm on this machine.")(swarm.swarm)
app.add_typer(data.group, name="data", short_help="List, download and check the data.")
app.command("doctor", short_help="Say what this machine has and can run.")(doctor.doctor)
app.command(
    "trace",
    short_help="Follow a number to what it was made of.",
    context_settings={"ignore_unknown_options": True},  # a number may be negative
)(results.trace)
app.command("verify", short_help="Check an archive of a study.")(results.verify)
