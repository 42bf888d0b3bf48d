"""What real data there are: official archives with their checksums and terms, and the names of the stand-ins."""

from collections.abc import Mapping
from typing import NamedTuple, Required, TypedDict

from hsokv.exceptions import check_known

SYNTHETIC = frozenset({"sst2_synthetic", "mnli_synthetic", "split_cifar10_synthetic"})
"""Sources that are generated: stand-ins, which carry their name wherever they are used."""

OWN = "files"
"""The source of a benchmark whose files the configuration names."""


class Columns(TypedDict):
    """The columns of a user's own tables: of the text, or the two of a pair, and of the label."""

    text: list[str]
    label: str


class DataSource(TypedDict, total=False):
    """Where the data of a benchmark come from: a name, and of a user's own tables by split or a folder of images."""

    source: Required[str]
    files: dict[str, str]
    columns: Columns
    folder: str


class Member(NamedTuple):
    """One file of an archive: its split, its name in the archive, its place under a data root, its official digests.

    Where no digest of the file itself is published, it is official only if it came out of the official archive, into
    the cache; a user's own copy of it stays a user copy.
    """

    split: str
    archived: str
    path: str
    md5: str | None = None
    sha256: str | None = None


class Source(NamedTuple):
    """An official archive: address, size in bytes, SHA-256, the members that are used, and the terms of use.

    Without a SHA-256 there is no archive: each member comes by itself from the address and its archived name.

    >>> SOURCES["sst2"].bytes
    7439277
    """

    name: str
    url: str
    bytes: int
    sha256: str | None
    members: tuple[Member, ...]
    licence: str
    citation: str
    terms: str


SOURCES: Mapping[str, Source] = {
    "sst2": Source(
        name="sst2",
        url="https://dl.fbaipublicfiles.com/glue/data/SST-2.zip",
        bytes=7439277,
        sha256="d67e16fb55739c1b32cdce9877596db1c127dc322d93c082281f64057c16deaa",
        members=(
            Member("train", "SST-2/train.tsv", "glue/SST-2/train.tsv", md5="da409a0a939379ed32a470bc0f7fe99a"),
            Member(
                "dev",
                "SST-2/dev.tsv",
                "glue/SST-2/dev.tsv",
                md5="268856b487b2a31a28c0a93daaff7288",
                sha256="54a9c12c77e402fc14d6a66a506f24d999f596b0176eb777c972cccc2f9cc4b0",
            ),
        ),
        licence="none stated by the authors",
        citation=(
            "Socher et al. (2013), Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank, "
            "EMNLP; Wang et al. (2019), GLUE, ICLR"
        ),
        terms="distributed for research; the sentences come from film reviews of their own authors",
    ),
    "mnli": Source(
        name="mnli",
        url="https://dl.fbaipublicfiles.com/glue/data/MNLI.zip",
        bytes=312783507,
        sha256="e7c1d896d26ed6caf700110645df426cc2d8ebf02a5ab743d5a5c68ac1c83633",
        members=(
            Member("train", "MNLI/train.tsv", "glue/MNLI/train.tsv"),
            Member("dev", "MNLI/dev_matched.tsv", "glue/MNLI/dev_matched.tsv"),
        ),
        licence="of the OANC for most genres; fiction: CC BY 3.0, CC BY-SA 3.0 or, in the United States, public domain",
        citation=(
            "Williams, Nangia and Bowman (2018), A Broad-Coverage Challenge Corpus for Sentence Understanding through "
            "Inference, NAACL; Wang et al. (2019), GLUE, ICLR"
        ),
        terms="may be used, changed and shared under these licences",
    ),
    "cifar10": Source(
        name="cifar10",
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        bytes=170498071,
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        members=tuple(
            Member(name, f"cifar-10-batches-py/{name}", f"cifar-10-batches-py/{name}", md5=md5)
            for name, md5 in (
                ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
                ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
                ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
                ("data_batch_4", "634d18415352ddfa80567beed471001a"),
                ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
                ("test_batch", "40351d587109b95175f43aff81a1287e"),
                ("batches.meta", "5ff9c542aee3614f3951f8cda6e48888"),
            )
        ),
        licence="none stated by the authors",
        citation="Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, technical report, Toronto",
        terms="distributed for research, with the request to cite the report",
    ),
    "banking77": Source(
        name="banking77",
        url="https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/master/banking_data",
        bytes=1079034,
        sha256=None,
        members=tuple(
            Member(split, f"{split}.csv", f"banking77/{split}.csv", sha256=sha256)
            for split, sha256 in (
                ("train", "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b"),
                ("test", "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d"),
            )
        ),
        licence="CC BY 4.0",
        citation="Casanueva et al. (2020), Efficient Intent Detection with Dual Sentence Encoders, NLP4ConvAI",
        terms="may be used, changed and shared with attribution",
    ),
    "clinc150": Source(
        name="clinc150",
        url="https://raw.githubusercontent.com/clinc/oos-eval/master/data",
        bytes=2495390,
        sha256=None,
        members=(
            Member(
                "all",
                "data_full.json",
                "clinc150/data_full.json",
                sha256="36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0",
            ),
        ),
        licence="CC BY 3.0",
        citation=(
            "Larson et al. (2019), An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction, EMNLP"
        ),
        terms="may be used, changed and shared with attribution",
    ),
}


def find_source(name: str) -> Source:
    """The registered source of that name; ConfigurationError with the nearest name where there is none.

    >>> find_source("sst2").members[0].path
    'glue/SST-2/train.tsv'
    """
    check_known("data", name, SOURCES)
    return SOURCES[name]
