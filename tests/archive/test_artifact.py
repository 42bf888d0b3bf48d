"""An artifact: whole, the same bytes wherever it is made, and enough to make its report again."""

import functools
import json
import shutil
import tempfile

import pytest

from hsokv.archive import artifact, check, crate
from hsokv.archive.arxiv import submission
from hsokv.archive.manifest import NAME, manifest
from hsokv.archive.tarball import pack, unpack
from hsokv.exceptions import ArchiveError, HsokvError, RecordError

VERSION = "1.2.3"


@pytest.fixture
def folder(packed, tmp_path):
    """The artifact, unpacked, to be damaged."""
    unpack(packed, tmp_path / "there")
    return tmp_path / "there" / f"hsokv-{VERSION}"


def resealed(folder):
    """Give a damaged artifact a manifest that fits it."""
    files = [path for path in folder.rglob("*") if path.is_file() and path != folder / NAME]
    names = [path.relative_to(folder).as_posix() for path in files]
    (folder / NAME).write_text(manifest({name: (folder / name).read_bytes() for name in names}))


def test_a_copy_elsewhere_and_an_unpacked_artifact_give_the_same_bytes(study, packed, folder, tmp_path):
    base, configuration = study
    shutil.copytree(base, tmp_path / "elsewhere")
    for there in (tmp_path / "elsewhere", folder):
        artifact.pack_artifact(there, there / "results", configuration, VERSION, tmp_path / "b.tar.gz")
        assert (tmp_path / "b.tar.gz").read_bytes() == packed.read_bytes()


def test_what_is_made_of_something_is_younger(folder):
    parts = ["report/report.md.j2", *(f"results/{part}" for part in ("records", "statistics", "tables", "report"))]
    times = [
        max(path.stat().st_mtime for path in [folder / part, *(folder / part).rglob("*")] if path.is_file())
        for part in parts
    ]
    assert times == sorted(set(times))


def test_all_comes_out_of_its_records_and_measurements_and_what_does_not_is_found(folder, tmp_path):
    path = folder / "results/report/report.md"
    path.write_text(path.read_text() + "99.9 %")
    resealed(folder)
    assert check.rebuild(check.check(folder), tmp_path / "again") == ["report/report.md"]
    assert (tmp_path / "again/report/report.tex").exists()
    assert "processes" in (folder / "results/statistics/scaling_speed.csv").read_text()
    assert {"scaling", "time"} <= {path.name for path in (folder / "results").iterdir()}


def test_a_changed_file_is_named(folder):
    (folder / "results/tables/main.csv").write_text("better")
    with pytest.raises(ArchiveError, match=r"changed: results/tables/main\.csv"):
        check.check(folder)


def test_a_record_that_contradicts_itself_is_named_though_the_manifest_fits(folder):
    path = folder / "results/records/rare_words/full.jsonl"
    path.write_text(path.read_text().replace('"accuracy":0.7', '"accuracy":0.9', 1))
    resealed(folder)
    with pytest.raises(RecordError, match=r"full\.jsonl, line \d+: .*changed"):
        check.check(folder)


@pytest.mark.parametrize(
    ("keys", "value", "match"),
    [
        (["study", "benchmarks", "rare_words", "headline"], ["not_there"], "not_there"),
        (["study", "benchmarks", "rare_words", "seeds"], 3, "not that of these records"),
        (["study"], [], "not that of these records"),
        (["records"], ["../../etc/passwd"], "do not trust it"),
        (["measured"], ["../scaling/measured.json"], "do not trust it"),
    ],
)
def test_a_document_that_is_not_of_the_records_is_refused(folder, tmp_path, keys, value, match):
    path = folder / "results/report/provenance.json"
    document = json.loads(path.read_text())
    *above, last = keys
    functools.reduce(dict.__getitem__, above, document)[last] = value
    path.write_text(json.dumps(document))
    resealed(folder)
    with pytest.raises(ArchiveError, match=match):
        check.rebuild(check.check(folder), tmp_path / "again")


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        *(
            (artifact.CONFIGURATION, json.dumps({"results": results}), "do not trust it")
            for results in ("../..", "/", "", "results\0", "\ud800")
        ),
        (artifact.CONFIGURATION, '{"results": "elsewhere"}', "elsewhere/records: no records"),
        (artifact.CONFIGURATION, "{}", "results"),
        (artifact.CONFIGURATION, "[]", "results"),
        (artifact.CONFIGURATION, "{", "wanted whole JSON"),
        (artifact.COMMIT, None, "not there"),
        ("results/report/provenance.json", "[]", "records"),
        ("results/report/provenance.json", None, "provenance.json"),
        ("results/tables/other.csv", "a", "unknown name 'other'"),
        ("results/figures/other.png", "a", "unknown name 'other'"),
    ],
)
def test_a_file_that_is_none_of_a_study_is_refused_though_the_manifest_fits(folder, tmp_path, name, text, match):
    (folder / name).unlink(missing_ok=True)
    if text is not None:
        (folder / name).write_text(text)
    resealed(folder)
    with pytest.raises(HsokvError, match=match) as error, check.unpacked(packed_again(folder, tmp_path)) as found:
        check.rebuild(found, tmp_path / "again")
    assert tempfile.gettempdir() not in str(error.value).replace(str(tmp_path), "")


def packed_again(folder, tmp_path):
    names = [path.relative_to(folder.parent).as_posix() for path in folder.rglob("*") if path.is_file()]
    pack(tmp_path / "a.tar.gz", {name: (folder.parent / name).read_bytes() for name in names})
    return tmp_path / "a.tar.gz"


@pytest.mark.parametrize("names", ["xy", "x", ""])
def test_an_archive_of_something_else_is_named(tmp_path, names):
    pack(tmp_path / "a.tar.gz", dict.fromkeys(names, b""))
    with pytest.raises(ArchiveError, match="not an artifact of a study"), check.unpacked(tmp_path / "a.tar.gz"):
        pass


def references(value):
    if isinstance(value, dict) and set(value) == {"@id"}:
        yield value["@id"]
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from references(part)


def test_every_reference_of_the_crate_is_described_once_and_every_file(folder):
    graph = json.loads((folder / crate.NAME).read_text())["@graph"]
    names = [entity["@id"] for entity in graph]
    assert len(names) == len(set(names))
    assert all(name.startswith("https://") for name in {*references(graph)} - set(names))
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there - {crate.NAME, NAME} == {entity["@id"] for entity in graph if "File" in entity["@type"]}


def test_an_anonymous_artifact_names_nobody(study, tmp_path):
    shutil.copytree(study[0], tmp_path / "study")
    (tmp_path / "study" / artifact.CITATION).write_text("authors: [{name: The author}]")
    for anonymous in (False, True):
        paper = study[1]["paper"] | {"anonymous": anonymous, "authors": [{"name": "The author"}]}
        results = tmp_path / "study" / "results"
        members = artifact.contents(tmp_path / "study", results, study[1] | {"paper": paper})
        told = members.get(artifact.CITATION, b"") + members[crate.NAME]
        assert (b"The author" in told) != anonymous


def test_a_folder_without_a_report_is_refused(tmp_path, study):
    (tmp_path / "Snakefile").touch()
    with pytest.raises(ArchiveError, match="make the report first"):
        artifact.contents(tmp_path, tmp_path / "results", study[1])


def test_a_submission_to_arxiv_is_flat_and_carries_the_records(study, tmp_path):
    shutil.copytree(study[0] / "results", tmp_path / "results")
    (tmp_path / "results/report/report.bbl").touch()
    members = submission(tmp_path / "results", study[1])
    assert "accuracy.pdf" in members
    assert not any("/" in name for name in members if not name.startswith("anc/"))
    records = b"".join(path.read_bytes() for path in sorted((tmp_path / "results/records").glob("*/*.jsonl")))
    assert members["anc/records.jsonl"] == records
