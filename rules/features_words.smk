# Input: nothing. Output: {results}/features/<benchmark>/*.npz, one file per seed.
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
