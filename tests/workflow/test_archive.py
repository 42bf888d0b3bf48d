"""What leaves the study: archives that resume, and verdicts that can end in an error."""

from hsokv.archive.tarball import unpack


def test_an_unpacked_artifact_has_nothing_to_do_and_packs_to_the_same_bytes(built, tmp_path):
    code, output = built.run("archive")
    assert code == 0, output
    archive = next((built.folder / "results/small/archive").glob("hsokv-*.tar.gz"))
    unpack(archive, tmp_path)
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    moved = object.__new__(type(built))
    moved.folder, moved.environment = folder, built.environment | {"PYTHONPATH": str(folder)}
    assert not moved.planned()
    before = archive.read_bytes()
    archive.unlink()
    code, output = built.run("archive")
    assert code == 0, output
    assert archive.read_bytes() == before


def test_validate_tells_every_criterion_and_fails_where_one_fails_that_is_not_known(built):
    code, output = built.run("validate")
    assert code != 0
    assert "NOT MET: kv_hit_rate, on rare_words" in output
    failed = output.partition("--config 'allow=[")[2].partition("]'")[0]
    code, output = built.run("validate", overlay=f"allow: [{failed}]")
    assert code == 0, output
    assert "(known, allowed)" in output


def test_explain_names_the_change_and_what_follows_from_it(built):
    assert "Nothing would run" in built.run("explain")[1]
    page = built.run("explain", overlay="methods: {memory: {k: 8}}")[1]
    assert "a setting has changed" in page
    assert "\n  rare_words: kv_only (" in page
    assert "follows from another job:" in page
