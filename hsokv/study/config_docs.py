"""The schema for editors and the page of all keys, made of the configuration's model.

`python -m hsokv.study.config_docs` writes config.schema.json and docs/configuration.md.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hsokv.files import write_text
from hsokv.study.config import MEANINGS, Study, groups


def editor_schema() -> dict[str, Any]:
    """The JSON schema of the study and its overlays, of which no key is required."""

    def plain(node: dict[str, Any]) -> dict[str, Any]:
        node = {key: value for key, value in node.items() if key not in ("required", "discriminator")}
        if node.get("default", 0) is None:
            del node["default"]
        if "oneOf" in node:
            node["anyOf"] = node.pop("oneOf")
        return node | ({"additionalProperties": False} if "patternProperties" in node else {})

    schema = json.loads(json.dumps(Study.model_json_schema()), object_hook=plain)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def reference() -> str:
    """The page of all keys: a table for each group, with what is allowed, the default, and the meaning."""

    def allowed(node: Mapping[str, Any]) -> str:
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        if several := node.get("anyOf", node.get("oneOf")):
            return " or ".join(map(allowed, several))
        if names := node.get("enum", [node["const"]] if "const" in node else []):
            return ", ".join(map(str, names))
        if "pattern" in node:
            return MEANINGS[node["pattern"]]
        if values := [*node.get("patternProperties", {}).values(), node.get("additionalProperties")][0]:
            return f"names, each with {allowed(values)}"
        words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}
        words |= {"multipleOf": "a multiple of", "minItems": "at least", "maxItems": "at most"}
        limits = "".join(f", {word} {node[limit]}" for limit, word in words.items() if limit in node)
        return f"{node.get('type', 'any')}{limits}" + (f", each {allowed(node['items'])}" if "items" in node else "")

    def rows(group: Mapping[str, Any]) -> Iterator[str]:
        for name, node in group["properties"].items():
            default = "required" if name in group.get("required", ()) else node.get("default") or ""
            cells = (f"`{name}`", allowed(node), str(default), node.get("description", ""))
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"

    head = "| key | allowed | default | meaning |\n|---|---|---|---|\n"
    return INTRODUCTION + "".join(f"\n## {name}\n\n{head}{''.join(rows(group))}" for name, group in groups().items())


INTRODUCTION = """# Configuration

The study is config.yaml; overlays (`--configfile`) change single values. Made by `python -m hsokv.study.config_docs`
from hsokv/study/config.py, as config.schema.json is, which an editor checks a file by that begins with
`# yaml-language-server: $schema=config.schema.json`. Required keys stand in config.yaml; an overlay may leave them out.

## The machine

What belongs to the machine is no part of the study: no record depends on where it was made. hsokv/machine.py reads it.

| to | write |
|---|---|
| [compute on a GPU](own-encoder.md#the-device) | `HSOKV_DEVICE=cuda snakemake --cores 4 report` |
| use [your own copies of the data](data.md) | `HSOKV_DATA_DIR=/path/to/data snakemake --cores 4 report` |
| keep downloads elsewhere | `HSOKV_CACHE_DIR=/path/to/cache snakemake --cores 4 report` |
| use [a running Ray cluster](distributed.md) | `HSOKV_RAY_ADDRESS=host:6379 snakemake --cores all scaling` |
| write results to another disk | `snakemake --cores 4 --directory /path/on/it report` |
| limit the time of a job on a cluster | `runtime` in profiles/slurm/profile.yaml, or `--set-resources` |

Paths of your own files and encoders in a configuration are relative to the data root, else to the `--directory`.
"""

if __name__ == "__main__":
    root = Path(__file__).parents[2]
    write_text(root / "config.schema.json", json.dumps(editor_schema(), indent=1, ensure_ascii=False) + "\n")
    write_text(root / "docs" / "configuration.md", reference())
