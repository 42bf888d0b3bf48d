# Input: {results}/data/*.json. Output: {results}/features/<benchmark>/<encoding>/: seed<seed>.npz for every seed, and beside
# them evaluation.npz where seeds share a test set. An encoding is the features that some conditions share: `default`, the
# name of another encoder, or the name of the condition that an encoder is tuned for.
from hsokv.study.conditions import encoding_of


def encodings_of(benchmark):
    """The encodings of a benchmark, in the configuration's order."""
    conditions = BENCHMARKS[benchmark]["conditions"]
    return list(dict.fromkeys(encoding_of(*item) for item in conditions.items()))


def names_of(kind):
    """The benchmarks of a kind, as a constraint on a wildcard; one that matches nothing where there is none."""
    return "|".join(name for name, _ in of_kind(kind)) or "(?!)"


def encoded(wildcards):
    """The conditions that share an encoding."""
    conditions = BENCHMARKS[wildcards.benchmark]["conditions"].items()
    return {
        name: condition
        for name, condition in conditions
        if encoding_of(name, condition) == wildcards.encoding
    }


def is_tuned(wildcards):
    return any("tuning" in condition for condition in encoded(wildcards).values())


def encoder_in(wildcards):
    """The name of the encoder of an encoding; None where images go through a dictionary of patches."""
    of_texts = BENCHMARKS[wildcards.benchmark]["kind"] == "texts"
    condition = next(iter(encoded(wildcards).values()))
    return encoder_of(condition, config["encoder"] if of_texts else None)


def definition_of(wildcards, key):
    return BENCHMARKS[wildcards.benchmark][key]


def aside(wildcards, key):
    """How many examples a class are kept for development."""
    return BENCHMARKS[wildcards.benchmark].get(key, config["data"][key])


def manifest_path(wildcards):
    """What is known of the data of a benchmark."""
    name = manifest_of(wildcards.benchmark, BENCHMARKS[wildcards.benchmark])
    return f"{R}/data/{name}.json"


def encoder_path(wildcards):
    """What is known of the encoder of an encoding, where it has one."""
    encoder = encoder_in(wildcards)
    return f"{R}/data/encoder_{encoder}.json" if encoder else []


def encoding_module(wildcards):
    return f"hsokv.study.{'tuned_text' if is_tuned(wildcards) else 'text'}"


def own_root(wildcards, output):
    """As a parameter that is not compared (with `output` as an argument): the folder of a user's own copies."""
    return str(data_root(config["data"]["root"]) or "")


def own_encoder_folder(wildcards, output):
    """As a parameter that is not compared: the folder of an encoder that has one."""
    return ENCODERS.get(encoder_in(wildcards), {}).get("folder")


def described_encoder(wildcards):
    encoder = encoder_in(wildcards)
    return without_folder(encoder) if encoder else None


def encoding_output(wildcard="{encoding}"):
    """`update`: files of other seeds stay; the second output tells a job that failed, as in training.smk."""
    folder = f"{R}/features/{{benchmark}}"
    return [
        update(directory(f"{folder}/{wildcard}")),
        touch(f"{folder}/.{wildcard}.complete"),
    ]


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
        evaluate_on=config["evaluate_on"],
        development_rows=lambda wildcards: aside(wildcards, "development_rows"),
        root=own_root,
        encoder=described_encoder,
        encoder_folder=own_encoder_folder,
        module=encoding_module,
        options=lambda wildcards: (
            {} if is_tuned(wildcards) else {"device": config["device"]}
        ),
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
        centroids=lambda wildcards: definition_of(wildcards, "centroids"),
        encoder=described_encoder,
        encoder_folder=own_encoder_folder,
        device=config["device"],
        evaluate_on=config["evaluate_on"],
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
        centroids=lambda wildcards: definition_of(wildcards, "centroids"),
        device=config["device"],
        evaluate_on=config["evaluate_on"],
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
        evaluate_on=config["evaluate_on"],
        development_images=lambda wildcards: aside(wildcards, "development_images"),
        root=own_root,
        code=code_of(["hsokv.study.images"], [script_path("store_images.py")]),
    message:
        "{wildcards.benchmark}: images for the arms that train the encoder"
    script:
        "scripts/store_images.py"
