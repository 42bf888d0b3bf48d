"""The research artifact: all that is needed to check a study, to resume it and to make its report again."""

import subprocess
from pathlib import Path

from hsokv.archive import crate, manifest
from hsokv.archive.arxiv import configuration_text
from hsokv.archive.tarball import pack
from hsokv.definitions import Configuration
from hsokv.exceptions import ArchiveError

CONFIGURATION, COMMIT, CITATION = "configuration.json", "COMMIT", "CITATION.cff"
STAGES = ("data", "records", "scaling", "time", "statistics", "tables", "figures", "report")
"""Folders of the results that are packed, in the order of what is made of what; features can be made again."""
MEASURED = ("benchmarks", "logs")
OUTSIDE = {".git", ".snakemake", ".venv", "__pycache__", "build", "dist", "results", "shared"}
WRITTEN = {CONFIGURATION, COMMIT, crate.NAME, manifest.NAME}


def pack_artifact(base: Path, results: Path, configuration: Configuration, version: str, path: Path) -> None:
    """Write the artifact of the study whose sources lie in `base` and whose results in `results`.

    All lies in one folder, `hsokv-{version}`. Unpacked, times are such that Snakemake finds nothing to do.

    Raises:
        ArchiveError: a source or a result is not there.
    """
    folder = f"hsokv-{version}"
    members = contents(base, results, configuration)
    root = Path(configuration["results"]).as_posix()
    # What was measured of a job counts as one of its outputs with Snakemake, so it must not be the oldest.
    stages = {f"{root}/{part}": place for place, part in enumerate((*STAGES, *MEASURED), start=1)}

    def stage(name: str) -> int:
        inside = name.removeprefix(f"{folder}/")
        return next((place for part, place in stages.items() if inside.startswith(f"{part}/")), 0)

    pack(path, {f"{folder}/{name}": content for name, content in members.items()}, stage)


def contents(base: Path, results: Path, configuration: Configuration) -> dict[str, bytes]:
    """Bytes of every file of the artifact by name, manifest and description of it included."""
    root, paper = Path(configuration["results"]), configuration["paper"]
    if root.is_absolute() or ".." in root.parts:
        raise ArchiveError(f"results: wanted a folder below the study's for an archive, came {root}; choose another")
    members = {name: (base / name).read_bytes() for name in source_names(base) if name not in WRITTEN}
    for part in (*STAGES, *MEASURED):
        for path in sorted((results / part).rglob("*")):
            if path.is_file() and path.suffix not in (".tmp", ".unfinished"):
                members[(root / path.relative_to(results)).as_posix()] = path.read_bytes()
    made = [name for name in members if name.startswith(f"{root.as_posix()}/report/")]
    if "Snakefile" not in members or not made:
        raise ArchiveError(f"wanted the Snakefile in {base} and a report in {results}; make the report first")
    commit = commit_of(base)
    members[CONFIGURATION] = configuration_text(configuration).encode()
    members[COMMIT] = f"{commit}\n".encode()
    if paper["anonymous"]:
        members.pop(CITATION, None)  # it names the authors
    made_of = [CONFIGURATION, *(name for name in members if name.startswith(f"{root.as_posix()}/data/"))]
    members[crate.NAME] = crate.crate(members, paper, made_of, made, commit).encode()
    members[manifest.NAME] = manifest.manifest(members).encode()
    return members


def source_names(base: Path) -> list[str]:
    """Files of the study's sources: those that git knows, or all that are not results, caches or environments."""
    if listed := _git(base, "ls-files", "-z"):
        return sorted(name for name in listed.split("\0") if name and (base / name).is_file())
    return sorted(
        path.relative_to(base).as_posix()
        for path in base.rglob("*")
        if path.is_file() and not OUTSIDE & set(path.relative_to(base).parts) and path.suffix != ".pyc"
    )


def commit_of(base: Path) -> str:
    """The commit of the sources, with `and changes` where they are not as it has them; "unknown" outside of git.

    An unpacked artifact says it in its file COMMIT.
    """
    if commit := _git(base, "rev-parse", "HEAD").strip():
        return f"{commit} and changes" if _git(base, "status", "--porcelain").strip() else commit
    return (base / COMMIT).read_text(encoding="utf-8").strip() if (base / COMMIT).is_file() else "unknown"


def _git(base: Path, *arguments: str) -> str:
    """What git says of `base`, if that is the root of its repository; else nothing."""
    if not (base / ".git").exists():
        return ""
    try:
        command = ["git", "-C", str(base), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
