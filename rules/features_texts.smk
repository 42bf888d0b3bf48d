# Input: {results}/data/*.json. Output: {results}/features/<benchmark>/*.npz, one file per seed and one of test texts;
# of conditions with another encoder the same in with_<encoder>/, and of one whose encoder is tuned for it
# {results}/features/<benchmark>/<condition>/*.npz, one file per seed.
from hsokv.study.conditions import folder_of
from hsokv.study.encoders import TUNED


def by_folder(benchmark):
    """The conditions of a benchmark whose encoder is not tuned, by the folder of their features."""
    folders, features = {}, Path(R) / "features" / benchmark
    for name, condition in BENCHMARKS[benchmark]["conditions"].items():
        if "tuning" not in condition:
            place = folder_of(features, name, condition)
            folders.setdefault(place, {})[name] = condition
    return folders


for benchmark, definition in of_kind("texts"):
    for folder, conditions in by_folder(benchmark).items():
        # Of the study's own encoder the folder is the benchmark's, and the job has no more of a name.
        job_name = ".".join(folder.parts[folder.parts.index("features") + 1 :])
        encoder = encoder_of(next(iter(conditions.values())), config["encoder"])

        rule:
            name:
                f"encode_{job_name.replace('.', '_')}"
            input:
                encoder=f"{R}/data/encoder_{encoder}.json",
                data=f"{R}/data/{manifest_of(benchmark, definition)}.json",
            output:
                update(
                    [
                        f"{folder}/evaluation.npz",
                        *expand(
                            f"{folder}/seed{{seed}}.npz", seed=definition["seeds"]
                        ),
                    ]
                ),
            log:
                f"{R}/logs/encode/{job_name}.log",
            benchmark:
                f"{R}/benchmarks/encode/{job_name}.jsonl"
            conda:
                ENVIRONMENT
            threads: 1
            params:
                source=source_of(definition),
                seeds=definition["seeds"],
                conditions=conditions,
                evaluate_on=config["evaluate_on"],
                development_rows=definition.get(
                    "development_rows", config["data"]["development_rows"]
                ),
                root=lambda wildcards, output: str(
                    data_root(config["data"]["root"]) or ""
                ),
                encoder=without_folder(encoder),
                encoder_folder=folder_of_encoder(encoder),
                device=config["device"],
                code=code_digest(["hsokv.study.text"], [script_path("encode_texts.py")]),
            message:
                f"{job_name}: drawing shots and encoding texts"
            script:
                "scripts/encode_texts.py"

    for condition_name, condition in definition["conditions"].items():
        if "tuning" not in condition:
            continue

        rule:
            name:
                f"encode_{benchmark}_{condition_name}"
            input:
                encoder=f"{R}/data/encoder_{TUNED}.json",
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
                encoder=without_folder(TUNED),
                encoder_folder=folder_of_encoder(TUNED),
                code=code_digest(
                    ["hsokv.study.tuned_text"], [script_path("encode_tuned.py")]
                ),
            message:
                f"{benchmark}: tuning the encoder for {condition_name}"
            script:
                "scripts/encode_tuned.py"
