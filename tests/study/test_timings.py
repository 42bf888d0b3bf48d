import json

from hsokv.study.timings import Stage, stages, timings_page

BENCHMARKS = {"sst2": {}, "rare_words": {}}


def measured(path, seconds, cpu):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"s": 1.0, "cpu_time": 1.0}) + "\n" + json.dumps({"s": seconds, "cpu_time": cpu}))


def test_jobs_are_summed_by_benchmark_and_rule_in_the_order_of_the_study(tmp_path):
    measured(tmp_path / "run_arm" / "rare_words.full.jsonl", 60, 30)
    measured(tmp_path / "run_arm" / "sst2.full.jsonl", 120, 60)
    measured(tmp_path / "run_arm" / "sst2.knn.jsonl", 60, 60)
    measured(tmp_path / "render_report.jsonl", 6, None)
    measured(tmp_path / "draw_figure" / "accuracy.jsonl", 6, 6)
    assert stages(tmp_path, BENCHMARKS) == [
        Stage("sst2", "run_arm", 2, 3.0, 2.0),
        Stage("rare_words", "run_arm", 1, 1.0, 0.5),
        Stage("rest", "rest", 2, 0.2, 0.1),
    ]


def test_what_is_cut_off_is_left_out(tmp_path):
    measured(tmp_path / "render_report.jsonl", 6, 6)
    (tmp_path / "compile_pdf.jsonl").write_text('{"s": 1')
    (tmp_path / "empty.jsonl").write_text("")
    assert stages(tmp_path, BENCHMARKS) == [Stage("rest", "rest", 1, 0.1, 0.1)]


def test_a_benchmark_stands_beside_its_budget():
    page = timings_page(
        [Stage("sst2", "encode", 1, 9.0, 4.0), Stage("sst2", "run_arm", 3, 2.0, 2.0)], {"sst2": 6}, 2, 5.5
    )
    assert "| sst2 | 3.0 | 6 |" in page
    assert "took 5.5 minutes with 2 cores" in page
