"""What a change makes stale, and what it does not."""

import json
import os
import shutil
from collections import Counter

import pytest

from hsokv.arms.registry import METHODS
from tests.workflow.conftest import BASELINES, VARIANTS, Study

STATISTICS = Counter({"compute_statistics": 1, "write_tables": 1, "draw_figures": 1})
PAGES = Counter({"write_report": 1} | ({"compile_pdf": 1} if shutil.which("latexmk") else {}))
PROTOCOLS = dict.fromkeys(("rare_words", "sst2"), "episode") | {"split_cifar10_synthetic": "stream"}


def arms_that_read(*groups):
    """One job for each benchmark and arm whose settings hold one of the groups."""
    return Counter(
        f"{benchmark}: {arm}"
        for benchmark, protocol in PROTOCOLS.items()
        for arm, method in METHODS.items()
        if arm in (*VARIANTS, *BASELINES) and protocol in method.protocols and set(groups) & set(method.settings)
    )


@pytest.fixture
def changed(built):
    """Change a file of the study's sources for one test."""
    originals = {}

    def change(name: str, old: str, new: str) -> None:
        path = built.folder / name
        originals.setdefault(path, path.read_text())
        assert old in path.read_text(), f"{name} holds no {old!r}"
        path.write_text(path.read_text().replace(old, new, 1))

    yield change
    for path, text in originals.items():
        path.write_text(text)


def test_a_finished_study_has_nothing_to_do(built):
    assert built.planned() == Counter()


def runs_made(study, name):
    """The runs that the last job of an arm made, and did not keep."""
    log = (study.folder / f"results/small/logs/run_arm/{name}.log").read_text().splitlines()
    return [line.split(":")[0] for line in log if not line.endswith(": kept")]


def test_a_corrupt_record_is_named_and_its_file_deleted_reruns_that_arm_and_what_hangs_on_it(built):
    before = built.contents()
    records = built.folder / "results/small/records/rare_words/kv_only.jsonl"
    records.write_bytes(records.read_bytes().replace(b'"accuracy":0', b'"accuracy":1', 1))
    code, output = built.run("report")
    assert code == 1
    assert "records/rare_words/kv_only.jsonl, line 1: " in output
    assert "delete the file and run" in output
    assert "Traceback" not in output
    records.unlink()
    assert built.planned() == Counter({"rare_words: kv_only": 1}) + STATISTICS + PAGES
    code, output = built.run("report")
    assert code == 0, output
    assert built.contents() == before


def test_a_new_seed_runs_that_seed_alone(built):
    before = built.contents()
    overlay = "benchmarks: {sst2: {seeds: [1, 2, 3]}}"
    assert not [name for name in built.planned(overlay) if name.startswith(("rare_words", "split_cifar10"))]
    code, output = built.run("results/small/records/sst2/full.jsonl", overlay=overlay)
    assert code == 0, output
    assert runs_made(built, "sst2.full") == ["sst2/shots16/full/seed3"]
    code, output = built.run("report")  # without the seed again: the jobs run, and keep every other record
    assert code == 0, output
    assert not runs_made(built, "sst2.full")
    assert built.contents() == before


def test_a_changed_template_rebuilds_the_report_alone(built, changed):
    changed("report/report.md.j2", "# ", "# \n\n# ")
    assert built.planned() == PAGES


def test_a_changed_caption_rebuilds_the_report_alone(built, changed):
    caption = next((built.folder / "report/captions").glob("accuracy.rst"))
    changed("report/captions/accuracy.rst", caption.read_text()[0], "X" + caption.read_text()[0])
    assert built.planned() == PAGES


def test_a_changed_line_of_the_swarm_reruns_the_arms_that_use_it(built, changed):
    changed("hsokv/swarm/manager.py", "* 2.0 - 1", "* 2.0 - 1.0")
    training = arms_that_read("swarm")
    for benchmark in PROTOCOLS:  # it reads the size of the swarm and none of its code
        del training[f"{benchmark}: single_agent_equal_flops"]
    assert built.planned() == training + STATISTICS + PAGES


def test_a_changed_setting_reruns_the_arms_that_read_it(built):
    assert built.planned("methods: {memory: {k: 8}}") == arms_that_read("memory") + STATISTICS + PAGES


def test_a_comment_and_a_docstring_rerun_nothing(built, changed):
    changed("hsokv/swarm/manager.py", "import math\n", "import math  # for ceil\n")
    changed("hsokv/memory/functional.py", '"""The key-value memory', '"""A key-value memory')
    changed("rules/scripts/run_arm.py", '"""Run one arm', '"""Run an arm')
    assert built.planned() == Counter()


def test_touching_files_reruns_nothing(built, data):
    for path in [*built.folder.rglob("*"), *data.rglob("*")]:
        if path.is_file() and not {"results", ".snakemake"} & set(path.relative_to(path.anchor).parts):
            os.utime(path)
    assert built.planned() == Counter()


def test_a_fresh_checkout_elsewhere_with_the_results_moved_along_reruns_nothing(built, data, tmp_path):
    moved = Study(tmp_path / "study", data)
    for part in ("results", ".snakemake"):
        shutil.copytree(built.folder / part, moved.folder / part)
    assert moved.planned() == Counter()


def test_an_older_file_in_place_of_a_users_own_is_seen(built, data):
    path = data / "glue/SST-2/train.tsv"
    good, times = path.read_bytes(), path.stat()
    path.write_bytes(good.swapcase())
    os.utime(path, (1e9, 1e9))
    assert built.planned()["fetch_data"] == 1
    path.write_bytes(good)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert built.planned() == Counter()


def test_results_made_in_another_folder_are_not_taken_for_current(built, data, tmp_path):
    copy = Study(tmp_path / "study", data)
    shutil.copytree(built.folder / "results", copy.folder / "results")
    target = "results/small/records/rare_words/kv_only.jsonl"
    code, output = copy.run(target, overlay="methods: {memory: {k: 8}}")
    assert code == 0, output
    assert runs_made(copy, "rare_words.kv_only")


def test_a_figure_is_remade_without_the_report(built):
    figure = built.folder / "results/small/figures/flops.png"
    before = figure.read_bytes()
    figure.unlink()
    code, output = built.run("results/small/figures/flops.png")
    assert code == 0, output
    assert "1 of 1 steps" in output
    assert figure.read_bytes() == before
    assert built.run("report")[0] == 0


def test_what_could_not_be_had_stays_so_until_it_is_asked_for_again(tmp_path, data):
    study = Study(tmp_path / "study", data)
    study.environment |= {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    del study.environment["HSOKV_DATA_DIR"]
    manifest = "results/small/data/sst2.json"

    def run(*arguments):
        code, output = study.run(manifest, *arguments)
        assert code == 0, output
        return json.loads((study.folder / manifest).read_text()), output

    first, _ = run()
    assert first["status"] == "not run"
    assert "Nothing to be done" in run()[1]
    assert run("--forcerun", "fetch_data")[0] == first
    study.environment["HSOKV_DATA_DIR"] = str(data)  # new files are seen without being asked
    found, _ = run()
    assert found["status"] == "done"
    del study.environment["HSOKV_DATA_DIR"]  # forgotten: what was found stays found
    assert run()[0] == found


def test_bad_data_are_refused_before_any_other_job_and_by_every_run_until_they_are_mended(built, data):
    before, path = built.contents(), data / "glue/SST-2/train.tsv"
    good = path.read_bytes()
    path.write_bytes(good[:-3])
    for _ in range(2):
        code, output = built.run("report")
        assert code == 1
        assert f"{path}, row" in output
        assert "Traceback" not in output
        assert "Rule: encode" not in output
    path.write_bytes(good)
    code, output = built.run("results/small/data/.sst2.complete")
    assert code == 0, output
    assert built.planned() == Counter()
    assert built.contents() == before


def test_reading_the_rules_touches_no_data(built, tmp_path):
    """Not even where there is nothing to be read."""
    folder, built.environment["HSOKV_DATA_DIR"] = built.environment["HSOKV_DATA_DIR"], str(tmp_path)
    try:
        assert built.run("--dry-run", "report")[0] == 0
        assert built.run("--lint")[0] == 0
    finally:
        built.environment["HSOKV_DATA_DIR"] = folder
