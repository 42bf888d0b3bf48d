# Input: the report and all it was made of. Output: {results}/archive/arxiv.tar.gz and hsokv-<version>.tar.gz.
# Both hold the same bytes whenever they are made of the same results; without TeX there is no submission to arXiv.
# Logs and times of these rules lie beside what they pack, and so outside of it.
from hsokv.archive.artifact import source_names

ARTIFACT = f"{R}/archive/hsokv-{hsokv.__version__}.tar.gz"
ARCHIVES = [ARTIFACT, *([f"{R}/archive/arxiv.tar.gz"] if TEX else [])]


rule pack_arxiv:
    input:
        RECORDS,
        TABLES,
        FIGURES,
        REPORT,
    output:
        f"{R}/archive/arxiv.tar.gz",
    log:
        f"{R}/archive/pack_arxiv.log",
    conda:
        ENVIRONMENT
    params:
        configuration=IN_FORCE,
        code=code_of("pack_arxiv", "hsokv.archive.arxiv"),
    message:
        "arXiv submission: checked, typeset in an empty folder, packed"
    script:
        "scripts/pack_arxiv.py"


rule pack_artifact:
    input:
        RECORDS,
        STATISTICS,
        TABLES,
        FIGURES,
        REPORT,
    output:
        ARTIFACT,
    log:
        f"{R}/archive/pack_artifact.log",
    conda:
        ENVIRONMENT
    params:
        configuration=IN_FORCE,
        sources=lambda wildcards: files_digest([BASE / name for name in source_names(BASE)], BASE),
        version=hsokv.__version__,
        code=code_of("pack_artifact", "hsokv.archive.artifact"),
    message:
        "Research artifact"
    script:
        "scripts/pack_artifact.py"


rule archive:
    input:
        ARCHIVES,
    message:
        "Archives: {input}"


# Of the repository, not of the results: docs/reference/, which is committed.
rule reference:
    input:
        TABLES,
        FIGURES,
        PAGES,
    log:
        f"{R}/archive/write_reference.log",
    conda:
        ENVIRONMENT
    params:
        command=(f"snakemake report --configfile {' '.join(OVERLAYS)}" if OVERLAYS else "make report"),
    message:
        "Reference run: docs/reference"
    script:
        "scripts/write_reference.py"
