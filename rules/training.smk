# Input: {results}/features/<benchmark>/*.npz. Output: {results}/records/<benchmark>/<condition>/<arm>/seed<seed>.json.
# One job per benchmark and arm with its seeds inside: starting torch costs more than most runs.

for benchmark, definition in BENCHMARKS.items():
    for arm in arms_of(benchmark):

        rule:
            name:
                f"run_{benchmark}_{arm}"
            input:
                expand(
                    f"{R}/features/{benchmark}/{{part}}.npz",
                    part=[f"seed{seed}" for seed in definition["seeds"]]
                    + (["evaluation"] if definition["kind"] == "texts" else [])
                    + (["images"] if METHODS[arm].images else []),
                ),
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
                task=task_of(definition, arm),
                seeds=definition["seeds"],
                features=lambda wildcards, input: str(Path(input[0]).parent),
                records=lambda wildcards, output: str(Path(output[0]).parents[3]),
                code=code_digest(
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
