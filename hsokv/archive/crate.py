"""An RO-Crate's description of a research artifact: what its files are, and that one run of a workflow made them.

Workflow Run Crate 0.5 (https://w3id.org/ro/wfrun/workflow/0.5), written by the library of RO-Crate.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

from hsokv.definitions import Paper

NAME = "ro-crate-metadata.json"
PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
LICENCE = "https://spdx.org/licenses/MIT"


def crate(members: Mapping[str, bytes], paper: Paper, made_of: Iterable[str], made: Iterable[str], commit: str) -> str:
    """The text of ro-crate-metadata.json; the same files give the same bytes.

    Args:
        members: bytes of every file by name, the `Snakefile` among them.
        paper: title, authors, anonymous, keywords.
        made_of: names of the files that went into the run (configuration, what is known of the data).
        made: names of the files that the run made.
        commit: of the code.
    """
    from rocrate.model import ContextEntity, Person
    from rocrate.rocrate import ROCrate

    described = ROCrate(version="1.1")
    described.name = paper["title"]
    described.description = f"Code (commit {commit}), configuration, records and results of a study, with its report."
    described.keywords = list(paper["keywords"])
    described.datePublished = "2000-01-01"  # as of every file in the artifact: a date of today would change its bytes
    licence = {"@type": "CreativeWork", "name": "MIT License"}
    described.license = described.add(ContextEntity(described, LICENCE, licence))
    authors = [{"name": "Anonymous authors"}] if paper["anonymous"] else paper["authors"]
    described.root_dataset["author"] = [
        described.add(Person(described, author.get("orcid", f"#author{number}"), {"name": author["name"]}))
        for number, author in enumerate(authors, start=1)
    ]
    for name in sorted(members):
        about = {"contentSize": str(len(members[name])), "sha256": hashlib.sha256(members[name]).hexdigest()}
        if name == "Snakefile":
            about["name"] = "The study"
            described.add_workflow(dest_path=name, main=True, lang="snakemake", properties=about)
        else:
            described.add_file(dest_path=name, properties=about)
    run = {"name": "snakemake report"}
    inputs, outputs = ([described.get(name) for name in sorted(names)] for names in (made_of, made))
    described.add_action(described.mainEntity, "#run", object=inputs, result=outputs, properties=run)
    profiles = [ContextEntity(described, profile, {"@type": "CreativeWork"}) for profile in PROFILES]
    described.add(*profiles)
    described.root_dataset["conformsTo"] = profiles
    described.metadata.extra_contexts.append("https://w3id.org/ro/terms/workflow-run/context")
    return json.dumps(described.metadata.generate(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
