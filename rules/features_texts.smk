# Input: {results}/data/*.json. Output: {results}/features/<benchmark>/*.npz, one file per seed and one of test texts;
# of conditions with another encoder the same in with_<encoder>/, and of one whose encoder is tuned for it in a folder of
# the condition's name, where each seed's file holds the test too.
from hsokv.study.conditions import folder_of


def by_folder(benchmark):
    """The conditions of a benchmark by the folder of their features."""
    folders, features = {}, Path(R) / "features" / benchmark
    for name, condition in BENCHMARKS[benchmark]["conditions"].items():
        place = folder_of(features, name, condition)
        folders.setdefault(place, {})[name] = condition
    return folders


def is_tuned(conditions):
    """Whether the encoder of these conditions, which share a folder, is tuned for them."""
    return any("tuning" in condition for condition in conditions.values())


def evaluation_of(benchmark):
    """The files of test texts that seeds share: one for every encoder that is not tuned."""
    return [
        f"{folder}/evaluation.npz"
        for folder, conditions in by_folder(benchmark).items()
        if not is_tuned(conditions)
    ]


for benchmark, definition in of_kind("texts"):
    for folder, conditions in by_folder(benchmark).items():
        # Of the study's own encoder the folder is the benchmark's, and the job has no more of a name.
        job_name = ".".join(folder.parts[folder.parts.index("features") + 1 :])
        encoder = encoder_of(next(iter(conditions.values())), config["encoder"])
        tuned = is_tuned(conditions)
        encoding = f"hsokv.study.{'tuned_text' if tuned else 'text'}"

        rule:
            name:
                f"encode_{job_name.replace('.', '_')}"
            input:
                encoder=f"{R}/data/encoder_{encoder}.json",
                data=f"{R}/data/{manifest_of(benchmark, definition)}.json",
            output:
                update(
                    ([] if tuned else [f"{folder}/evaluation.npz"])
                    + expand(f"{folder}/seed{{seed}}.npz", seed=definition["seeds"])
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
                module=encoding,
                options={} if tuned else {"device": config["device"]},
                code=code_of([encoding], [script_path("encode_texts.py")]),
            message:
                f"{job_name}: drawing shots and encoding texts"
            script:
                "scripts/encode_texts.py"
