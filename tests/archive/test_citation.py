"""One block of the configuration, and all that is said of authors and title."""

import json
from pathlib import Path

import pytest
import yaml

import hsokv
from hsokv.archive.citation import citation_cff, zenodo_json

ROOT = Path(__file__).resolve().parents[2]
PAPER = {
    "title": 'A: "quoted"',
    "authors": [{"name": "B", "affiliation": "C: D", "orcid": "https://orcid.org/0000-0001-2345-678X"}, {"name": "E"}],
    "anonymous": False,
    "keywords": ["f, g", "h"],
}


def test_the_repository_is_cited_as_its_configuration_says():
    paper = yaml.safe_load((ROOT / "config.yaml").read_text())["paper"]
    assert (ROOT / "CITATION.cff").read_text() == citation_cff(paper, hsokv.__version__)


def test_both_forms_say_the_same():
    cff, zenodo = yaml.safe_load(citation_cff(PAPER, "1.0")), json.loads(zenodo_json(PAPER, "1.0", "x"))
    assert cff["title"] == zenodo["title"] == PAPER["title"]
    assert cff["authors"] == PAPER["authors"]
    assert zenodo["creators"] == [{"name": "B", "affiliation": "C: D", "orcid": "0000-0001-2345-678X"}, {"name": "E"}]
    assert cff["keywords"] == zenodo["keywords"] == PAPER["keywords"]


@pytest.mark.parametrize("form", [citation_cff, lambda paper, version: zenodo_json(paper, version, "x")])
def test_an_anonymous_paper_names_nobody(form):
    text = form(PAPER | {"anonymous": True}, "1.0")
    assert "Anonymous authors" in text
    assert not any(author["name"] in json.dumps(text).split('\\"') for author in PAPER["authors"])
