"""The notebook of the docs, executed from its first cell to its last on its quick path."""

import shutil

import nbformat
from nbclient import NotebookClient

from tests.workflow.conftest import REPOSITORY, Study


def test_the_notebook_ends_with_a_table_and_a_figure(data, tmp_path):
    study = Study(tmp_path / "study", data)
    shutil.copytree(REPOSITORY / "docs", study.folder / "docs")
    notebook = nbformat.read(study.folder / "docs" / "colab.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(study.folder)}})
    client.execute(env=study.environment)
    said = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("text/markdown" in output.get("data", {}) for output in said)
    assert any("image/png" in output.get("data", {}) for output in said)
    printed = "".join(output.get("text", "") for output in said)
    assert "over 5 folds" in printed, "the estimator is cross-validated"
