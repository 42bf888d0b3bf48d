# Input: {results}/data/*.json. Output: {results}/features/<benchmark>/*.npz: of few-shot tasks one file per seed and one
# of test images; of streams one per seed, and images.npz for all of them.
for benchmark, definition in of_kind("images"):

    rule:
        name:
            f"encode_{benchmark}"
        input:
            data=f"{R}/data/{manifest_of(benchmark, definition)}.json",
        output:
            update(
                [
                    *evaluation_of(benchmark),
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
            conditions=definition["conditions"],
            centroids=definition["centroids"],
            device=config["device"],
            evaluate_on=config["evaluate_on"],
            development_images=definition.get(
                "development_images", config["data"]["development_images"]
            ),
            root=lambda wildcards, output: str(data_root(config["data"]["root"]) or ""),
            code=code_of(
                ["hsokv.study.image_shots"], [script_path("encode_image_shots.py")]
            ),
        message:
            f"{benchmark}: learning patches, drawing shots and encoding images"
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
