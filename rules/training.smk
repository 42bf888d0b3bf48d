# Input: {results}/features/<benchmark>/*.npz. Output: {results}/records/<benchmark>/<condition>/<arm>/seed<seed>.json.
# One job per benchmark and arm with its seeds inside: starting torch costs more than most runs.


def features_of(benchmark, arm):
    """The feature files that an arm reads on a benchmark."""
    definition, folder = BENCHMARKS[benchmark], Path(R) / "features" / benchmark
    folders = dict.fromkeys(
        folder_of(folder, name, condition)
        for name, condition in definition["conditions"].items()
    )
    files = [
        f"{place}/seed{seed}.npz" for place in folders for seed in definition["seeds"]
    ]
    if definition["kind"] in ("texts", "images"):
        files += evaluation_of(benchmark)
    return files + ([f"{folder}/images.npz"] if METHODS[arm].images else [])


for benchmark, definition in BENCHMARKS.items():
    for arm in arms_of(benchmark):

        rule:
            name:
                f"run_{benchmark}_{arm}"
            input:
                features_of(benchmark, arm),
            output:
                update(records_of(benchmark, arm)),
            log:
                f"{R}/logs/run_arm/{benchmark}.{arm}.log",
            benchmark:
                f"{R}/benchmarks/run_arm/{benchmark}.{arm}.jsonl"
            conda:
                ENVIRONMENT
            threads: 1
            params:
                benchmark=benchmark,
                arm=arm,
                module=module_of(definition, arm),
                settings={
                    name: config["methods"][name] for name in METHODS[arm].settings
                },
                task=task_of(definition, arm, config["device"]),
                seeds=definition["seeds"],
                # With `output` as an argument a parameter is not compared: a folder that moved makes nothing stale.
                results=lambda wildcards, output: str(Path(output[0]).parents[4]),
                code=code_of(
                    [
                        "hsokv.study.runs",
                        PROTOCOLS[KINDS[definition["kind"]].protocol].module,
                        module_of(definition, arm),
                    ],
                    [script_path("run_arm.py")],
                ),
            message:
                f"{benchmark}: {arm}"
            script:
                "scripts/run_arm.py"
