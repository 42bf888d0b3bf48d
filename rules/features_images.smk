# Input: {results}/data/*.json. Output: {results}/features/<benchmark>/*.npz: of few-shot tasks one file per seed and one
# of test images, and of conditions with an encoder the same in with_<encoder>/; of streams one per seed, and images.npz
# for all of them.
for benchmark, definition in of_kind("images"):
    for folder, conditions in by_folder(benchmark).items():
        # Of the dictionary of patches the folder is the benchmark's, and the job has no more of a name.
        job_name = ".".join(folder.parts[folder.parts.index("features") + 1 :])
        encoder = encoder_of(next(iter(conditions.values())), None)
        found = [manifest_of(benchmark, definition)]
        found += [f"encoder_{encoder}"] if encoder else []

        rule:
            name:
                f"encode_{job_name.replace('.', '_')}"
            input:
                manifests=expand(f"{R}/data/{{name}}.json", name=found),
            output:
                update(
                    [f"{folder}/evaluation.npz"]
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
                centroids=definition["centroids"],
                encoder=without_folder(encoder) if encoder else None,
                encoder_folder=folder_of_encoder(encoder),
                device=config["device"],
                evaluate_on=config["evaluate_on"],
                development_images=definition.get(
                    "development_images", config["data"]["development_images"]
                ),
                root=lambda wildcards, output: str(
                    data_root(config["data"]["root"]) or ""
                ),
                code=code_of(
                    ["hsokv.study.image_shots"], [script_path("encode_image_shots.py")]
                ),
            message:
                f"{job_name}: drawing shots and encoding images"
            script:
                "scripts/encode_image_shots.py"


# A job per seed: a stream's encoder is learnt on its first task, and no two seeds begin with the same classes.
for benchmark, definition in of_kind("stream"):

    rule:
        name:
            f"encode_{benchmark}"
        input:
            data=f"{R}/data/{manifest_of(benchmark, definition)}.json",
        output:
            f"{R}/features/{benchmark}/seed{{seed}}.npz",
        log:
            f"{R}/logs/encode/{benchmark}.seed{{seed}}.log",
        benchmark:
            f"{R}/benchmarks/encode/{benchmark}.seed{{seed}}.jsonl"
        conda:
            ENVIRONMENT
        threads: 1
        params:
            source=source_of(definition),
            tasks=max(part["tasks"] for part in definition["conditions"].values()),
            centroids=definition["centroids"],
            device=config["device"],
            evaluate_on=config["evaluate_on"],
            development_images=definition.get(
                "development_images", config["data"]["development_images"]
            ),
            root=lambda wildcards, output: str(data_root(config["data"]["root"]) or ""),
            code=code_of(["hsokv.study.images"], [script_path("encode_images.py")]),
        message:
            f"{benchmark}: learning patches and encoding images, seed {{wildcards.seed}}"
        script:
            "scripts/encode_images.py"

    rule:
        name:
            f"store_{benchmark}"
        input:
            data=f"{R}/data/{manifest_of(benchmark, definition)}.json",
        output:
            f"{R}/features/{benchmark}/images.npz",
        log:
            f"{R}/logs/encode/{benchmark}.images.log",
        benchmark:
            f"{R}/benchmarks/encode/{benchmark}.images.jsonl"
        conda:
            ENVIRONMENT
        threads: 1
        params:
            source=source_of(definition),
            evaluate_on=config["evaluate_on"],
            development_images=definition.get(
                "development_images", config["data"]["development_images"]
            ),
            root=lambda wildcards, output: str(data_root(config["data"]["root"]) or ""),
            code=code_of(["hsokv.study.images"], [script_path("store_images.py")]),
        message:
            f"{benchmark}: images for the arms that train the encoder"
        script:
            "scripts/store_images.py"
