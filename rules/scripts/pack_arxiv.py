"""The report as arXiv takes it."""

from pathlib import Path

from hsokv.archive.arxiv import pack_arxiv
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        for complaint in pack_arxiv(Path(params.results), params.configuration, Path(snakemake.output[0])):
            print(complaint)
