# Input: {results}/data/*.json. Output: {results}/features/<benchmark>/*.npz, one file per seed and one of test texts;
# of a condition whose encoder is tuned for it {results}/features/<benchmark>/<condition>/*.npz, one file per seed.
for benchmark, definition in of_kind("texts"):

    rule:
        name:
            f"encode_{benchmark}"
        input:
            encoder=f"{R}/data/text_encoder.json",
            data=f"{R}/data/{manifest_of(benchmark, definition)}.json",
        output:
            update(
                [
                    f"{R}/features/{benchmark}/evaluation.npz",
                    *expand(
                        f"{R}/features/{benchmark}/seed{{seed}}.npz",
                        seed=definition["seeds"],
                    ),
                ]
            ),
        log:
            f"{R}/logs/encode/{benchmark}.log",
        benchmark:
            f"{R}/benchmarks/encode/{benchmark}.jsonl"
        conda:
            ENVIRONMENT
        threads: 1
        params:
            source=source_of(definition),
            seeds=definition["seeds"],
            conditions={
                name: condition
                for name, condition in definition["conditions"].items()
                if "tuning" not in condition
            },
            evaluate_on=config["evaluate_on"],
            development_rows=definition.get(
                "development_rows", config["data"]["development_rows"]
            ),
            root=lambda wildcards, output: str(data_root(config["data"]["root"]) or ""),
            encoder_folder=lambda wildcards, output: config["encoder"]["folder"],
            code=code_digest(["hsokv.study.text"], [script_path("encode_texts.py")]),
        message:
            f"{benchmark}: drawing shots and encoding texts"
        script:
            "scripts/encode_texts.py"

    for condition_name, condition in definition["conditions"].items():
        if "tuning" not in condition:
            continue

        rule:
            name:
                f"encode_{benchmark}_{condition_name}"
            input:
                encoder=f"{R}/data/text_encoder.json",
                data=f"{R}/data/{manifest_of(benchmark, definition)}.json",
            output:
                update(
                    expand(
                        f"{R}/features/{benchmark}/{condition_name}/seed{{seed}}.npz",
                        seed=definition["seeds"],
                    )
                ),
            log:
                f"{R}/logs/encode/{benchmark}.{condition_name}.log",
            benchmark:
                f"{R}/benchmarks/encode/{benchmark}.{condition_name}.jsonl"
            conda:
                ENVIRONMENT
            threads: 1
            params:
                source=source_of(definition),
                seeds=definition["seeds"],
                condition_name=condition_name,
                condition=condition,
                evaluate_on=config["evaluate_on"],
                development_rows=definition.get(
                    "development_rows", config["data"]["development_rows"]
                ),
                root=lambda wildcards, output: str(
                    data_root(config["data"]["root"]) or ""
                ),
                encoder_folder=lambda wildcards, output: config["encoder"]["folder"],
                code=code_digest(
                    ["hsokv.study.tuned_text"], [script_path("encode_tuned.py")]
                ),
            message:
                f"{benchmark}: tuning the encoder for {condition_name}"
            script:
                "scripts/encode_tuned.py"
