"""An RO-Crate's description of a research artifact: what its files are, and that one run of a workflow made them.

Workflow Run Crate 0.5 (https://w3id.org/ro/wfrun/workflow/0.5). Written as plain JSON-LD: the crate's own library dates
what it writes, and the same files are to give the same bytes.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from hsokv.archive.citation import authors_of

NAME = "ro-crate-metadata.json"
PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
KINDS = {  # not the machine's own table, which differs from machine to machine
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "png": "image/png",
    "py": "text/x-python",
    "tex": "text/x-tex",
}
LICENCE = "https://spdx.org/licenses/MIT"


def crate(
    members: Mapping[str, bytes], paper: Mapping[str, Any], made_of: Iterable[str], made: Iterable[str], commit: str
) -> str:
    """The text of ro-crate-metadata.json.

    Args:
        members: bytes of every file by name, the `Snakefile` among them.
        paper: title, authors, anonymous, keywords.
        made_of: names of the files that went into the run (configuration, what is known of the data).
        made: names of the files that the run made.
        commit: of the code.
    """
    people = [
        {"@id": author.get("orcid", f"#author{place}"), "@type": "Person", "name": author["name"]}
        for place, author in enumerate(authors_of(paper), start=1)
    ]
    graph = [
        {
            "@id": NAME,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [{"@id": "https://w3id.org/ro/crate/1.1"}, {"@id": PROFILES[-1]}],
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": paper["title"],
            "description": f"Code (commit {commit}), configuration, records and results of a study, with its report.",
            "author": _refer(person["@id"] for person in people),
            "keywords": list(paper["keywords"]),
            "license": {"@id": LICENCE},
            "conformsTo": _refer(PROFILES),
            "mainEntity": {"@id": "Snakefile"},
            "mentions": [{"@id": "#run"}],
            "hasPart": _refer(sorted(members)),
        },
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": "snakemake report",
            "instrument": {"@id": "Snakefile"},
            "object": _refer(sorted(made_of)),
            "result": _refer(sorted(made)),
        },
        {"@id": SNAKEMAKE, "@type": "ComputerLanguage", "name": "Snakemake", "url": "https://snakemake.github.io"},
        {"@id": LICENCE, "@type": "CreativeWork", "name": "MIT License"},
        *({"@id": profile, "@type": "CreativeWork", "name": profile.split("/ro/")[-1]} for profile in PROFILES),
        *people,
        *(_file(name, members[name]) for name in sorted(members)),
    ]
    document = {"@context": ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]}
    return json.dumps(document | {"@graph": graph}, indent=1, ensure_ascii=False) + "\n"


def _refer(names: Iterable[str]) -> list[dict[str, str]]:
    return [{"@id": name} for name in names]


def _file(name: str, content: bytes) -> dict[str, Any]:
    about: dict[str, Any] = {
        "@id": name,
        "@type": "File",
        "contentSize": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    if kind := KINDS.get(name.rpartition(".")[2]):
        about["encodingFormat"] = kind
    if name == "Snakefile":
        about |= {"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"], "name": "The study"}
        about["programmingLanguage"] = {"@id": SNAKEMAKE}
    return about
