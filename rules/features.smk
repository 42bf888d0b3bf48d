# Input: {results}/data/*.json. Output: {results}/features/<benchmark>/<encoding>/: seed<seed>.npz for every seed, and beside
# them evaluation.npz where seeds share a test set. An encoding is the features that some conditions share: `default`, the
# name of another encoder, or the name of the condition that an encoder is tuned for.


rule encode_words:
    output:
        *encoding_output(),
    log:
        f"{R}/logs/encode/{{benchmark}}.{{encoding}}.log",
    benchmark:
        f"{R}/benchmarks/encode/{{benchmark}}.{{encoding}}.jsonl"
    wildcard_constraints:
        benchmark=names_of("words"),
    conda:
        ENVIRONMENT
    threads: 1
    params:
        seeds=lambda wildcards: definition_of(wildcards, "seeds"),
        world=lambda wildcards: definition_of(wildcards, "world"),
        encoder_steps=lambda wildcards: definition_of(wildcards, "encoder_steps"),
        conditions=encoded,
        code=code_of(["hsokv.study.rare_words"], [script_path("encode_words.py")]),
    message:
        "{wildcards.benchmark}: training the encoders on every seed's frequent words"
    script:
        "scripts/encode_words.py"


rule encode_texts:
    input:
        data=manifest_path,
        encoder=encoder_path,
    output:
        *encoding_output(),
    log:
        f"{R}/logs/encode/{{benchmark}}.{{encoding}}.log",
    benchmark:
        f"{R}/benchmarks/encode/{{benchmark}}.{{encoding}}.jsonl"
    wildcard_constraints:
        benchmark=names_of("texts"),
    conda:
        ENVIRONMENT
    threads: 1
    params:
        source=lambda wildcards: source_of(BENCHMARKS[wildcards.benchmark]),
        seeds=lambda wildcards: definition_of(wildcards, "seeds"),
        conditions=encoded,
        split=config["split"],
        development_rows=lambda wildcards: aside(wildcards, "development_rows"),
        root=own_root,
        encoder=described_encoder,
        encoder_folder=own_encoder_folder,
        module=encoding_module,
        options=lambda wildcards: ({} if is_tuned(wildcards) else {"device": DEVICE}),
        code=lambda wildcards: code_digest(
            [encoding_module(wildcards)], [script_path("encode_texts.py")]
        ),
    message:
        "{wildcards.benchmark}, {wildcards.encoding}: drawing shots and encoding texts"
    script:
        "scripts/encode_texts.py"


rule encode_images:
    input:
        data=manifest_path,
        encoder=encoder_path,
    output:
        *encoding_output(),
    log:
        f"{R}/logs/encode/{{benchmark}}.{{encoding}}.log",
    benchmark:
        f"{R}/benchmarks/encode/{{benchmark}}.{{encoding}}.jsonl"
    wildcard_constraints:
        benchmark=names_of("images"),
    conda:
        ENVIRONMENT
    threads: 1
    params:
        source=lambda wildcards: source_of(BENCHMARKS[wildcards.benchmark]),
        seeds=lambda wildcards: definition_of(wildcards, "seeds"),
        conditions=encoded,
        num_patches=lambda wildcards: definition_of(wildcards, "num_patches"),
        encoder=described_encoder,
        encoder_folder=own_encoder_folder,
        device=DEVICE,
        split=config["split"],
        development_images=lambda wildcards: aside(wildcards, "development_images"),
        root=own_root,
        code=code_of(
            ["hsokv.study.image_shots"], [script_path("encode_image_shots.py")]
        ),
    message:
        "{wildcards.benchmark}, {wildcards.encoding}: drawing shots and encoding images"
    script:
        "scripts/encode_image_shots.py"


# A job per seed: a stream's encoder is learnt on its first task, and no two seeds begin with the same classes.
rule encode_stream:
    input:
        data=manifest_path,
    output:
        f"{R}/features/{{benchmark}}/default/seed{{seed}}.npz",
    log:
        f"{R}/logs/encode/{{benchmark}}.seed{{seed}}.log",
    benchmark:
        f"{R}/benchmarks/encode/{{benchmark}}.seed{{seed}}.jsonl"
    wildcard_constraints:
        benchmark=names_of("stream"),
        seed=r"\d+",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        source=lambda wildcards: source_of(BENCHMARKS[wildcards.benchmark]),
        tasks=lambda wildcards: max(
            part["tasks"] for part in definition_of(wildcards, "conditions").values()
        ),
        num_patches=lambda wildcards: definition_of(wildcards, "num_patches"),
        device=DEVICE,
        split=config["split"],
        development_images=lambda wildcards: aside(wildcards, "development_images"),
        root=own_root,
        code=code_of(["hsokv.study.images"], [script_path("encode_images.py")]),
    message:
        "{wildcards.benchmark}: learning patches and encoding images, seed {wildcards.seed}"
    script:
        "scripts/encode_images.py"


# For the arms that train the encoder.
rule store_images:
    input:
        data=manifest_path,
    output:
        f"{R}/features/{{benchmark}}/default/images.npz",
    log:
        f"{R}/logs/encode/{{benchmark}}.images.log",
    benchmark:
        f"{R}/benchmarks/encode/{{benchmark}}.images.jsonl"
    wildcard_constraints:
        benchmark=names_of("stream"),
    conda:
        ENVIRONMENT
    threads: 1
    params:
        source=lambda wildcards: source_of(BENCHMARKS[wildcards.benchmark]),
        split=config["split"],
        development_images=lambda wildcards: aside(wildcards, "development_images"),
        root=own_root,
        code=code_of(["hsokv.study.images"], [script_path("store_images.py")]),
    message:
        "{wildcards.benchmark}: images for the arms that train the encoder"
    script:
        "scripts/store_images.py"
