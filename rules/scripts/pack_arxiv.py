"""The report as arXiv takes it."""

from pathlib import Path

from hsokv.archive.arxiv import pack_arxiv
from hsokv.study.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        output = Path(snakemake.output[0])
        for complaint in pack_arxiv(output.parents[1], snakemake.params.configuration, output):
            print(complaint)
