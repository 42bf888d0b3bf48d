# Input functions and parameters of the rules that encode and train.
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
    return str(data_root() or "")


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


def features_of(benchmark, arm):
    """The features that an arm reads on a benchmark: folders, and of a stream the files of its seeds."""
    folder, definition = f"{R}/features/{benchmark}", BENCHMARKS[benchmark]
    if arm not in arms_of(benchmark):
        raise WorkflowError(f"{arm} is not defined on {benchmark}")
    if definition["kind"] != "stream":
        encodings = encodings_of(benchmark)
        return [
            *(f"{folder}/{encoding}" for encoding in encodings),
            *(f"{folder}/.{encoding}.complete" for encoding in encodings),
        ]
    names = [f"seed{seed}" for seed in definition["seeds"]]
    names += ["images"] if METHODS[arm].images else []
    return [f"{folder}/default/{name}.npz" for name in names]


def code_of_arm(wildcards):
    """The digest of what runs an arm under the protocol of a benchmark."""
    definition = BENCHMARKS[wildcards.benchmark]
    protocol = PROTOCOLS[KINDS[definition["kind"]].protocol]
    modules = ["hsokv.study.runs", protocol.module]
    return code_digest(
        [*modules, module_of(wildcards.arm)], [script_path("run_arm.py")]
    )
