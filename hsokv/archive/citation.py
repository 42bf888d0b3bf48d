"""How a study is to be cited, for GitHub and others (CITATION.cff 1.2.0) and for Zenodo, from the `paper` block."""

import json
from collections.abc import Mapping
from typing import Any

LICENCE = "MIT"


def authors_of(paper: Mapping[str, Any]) -> list[dict[str, str]]:
    """The authors that may be named: one without a name where the paper is anonymous.

    >>> authors_of({"anonymous": True, "authors": [{"name": "A"}]})
    [{'name': 'Anonymous authors'}]
    """
    return [{"name": "Anonymous authors"}] if paper["anonymous"] else [dict(author) for author in paper["authors"]]


def citation_cff(paper: Mapping[str, Any], version: str) -> str:
    """CITATION.cff; strings stand in JSON's quotes, which YAML reads too."""
    lines = [
        "cff-version: 1.2.0",
        "message: If you use this software, please cite it as below.",
        f"title: {_quote(paper['title'])}",
        "type: software",
        f"version: {version}",
        f"license: {LICENCE}",
        f"keywords: [{', '.join(map(_quote, paper['keywords']))}]",
        "authors:",
    ]
    for author in authors_of(paper):
        lines.append(f"  - name: {_quote(author['name'])}")
        lines += [f"    {key}: {_quote(author[key])}" for key in ("affiliation", "orcid") if key in author]
    return "\n".join(lines) + "\n"


def zenodo_json(paper: Mapping[str, Any], version: str, description: str) -> str:
    """.zenodo.json: the metadata of a deposit; an ORCID is given as its number alone."""
    creators = [
        {
            key: author[key].removeprefix("https://orcid.org/")
            for key in ("name", "affiliation", "orcid")
            if key in author
        }
        for author in authors_of(paper)
    ]
    deposit = {
        "title": paper["title"],
        "upload_type": "software",
        "version": version,
        "license": LICENCE.lower(),
        "creators": creators,
        "keywords": list(paper["keywords"]),
        "description": description,
    }
    return json.dumps(deposit, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
