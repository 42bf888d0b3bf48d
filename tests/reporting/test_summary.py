"""What the terminal says when a study ends, from the files of the made-up study."""

from hsokv.files import write_json
from hsokv.reporting.summary import summary
from tests.reporting.made import make


def test_it_tells_every_verdict_and_only_pages_that_are_there(tmp_path):
    criteria = make(tmp_path)["criteria"]
    results = tmp_path / "results"
    told = summary(results, pdf=True, minutes=1.25)
    assert all(f"  {criterion['name']} " in told for criterion in criteria)
    assert told.splitlines()[-1] == f"Report: {results}/report/report.md"  # no PDF was made
    (results / "report/report.md").unlink()
    write_json(results / "statistics/criteria.json", [])
    told = summary(results, pdf=True, minutes=1.25)
    assert "The study has no criteria." in told
    assert told.splitlines()[-1] == "Report: not asked for; `snakemake --cores 4 report` makes it"
