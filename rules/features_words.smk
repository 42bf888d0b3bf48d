# Input: nothing. Output: {results}/features/<benchmark>/*.npz, one file per seed, and the controls' records.
for benchmark, definition in of_kind("words"):

    rule:
        name:
            f"encode_{benchmark}"
        output:
            update(
                expand(
                    f"{R}/features/{benchmark}/seed{{seed}}.npz",
                    seed=definition["seeds"],
                )
            ),
        log:
            f"{R}/logs/encode/{benchmark}.log",
        benchmark:
            f"{R}/benchmarks/encode/{benchmark}.jsonl"
        conda:
            ENVIRONMENT
        threads: 1
        params:
            seeds=definition["seeds"],
            world=definition["world"],
            encoder_steps=definition["encoder_steps"],
            conditions=definition["conditions"],
            code=code_of(["hsokv.study.rare_words"], [script_path("encode_words.py")]),
        message:
            f"{benchmark}: training the encoders on every seed's frequent words"
        script:
            "scripts/encode_words.py"

    rule:
        name:
            f"run_controls_{benchmark}"
        output:
            update(
                [
                    record
                    for control in definition["controls"]
                    for record in records_of(benchmark, control)
                ]
            ),
        log:
            f"{R}/logs/run_controls/{benchmark}.log",
        benchmark:
            f"{R}/benchmarks/run_controls/{benchmark}.jsonl"
        conda:
            ENVIRONMENT
        threads: 1
        params:
            benchmark=benchmark,
            controls=definition["controls"],
            seeds=definition["seeds"],
            world=definition["world"],
            conditions=definition["conditions"],
            records=lambda wildcards, output: str(Path(output[0]).parents[3]),
            code=code_of(["hsokv.study.controls"], [script_path("run_controls.py")]),
        message:
            f"{benchmark}: controls"
        script:
            "scripts/run_controls.py"
