"""The memory as a scikit-learn classifier."""

import importlib
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import check_estimator

from hsokv.hub.estimator import MemoryClassifier

from .conftest import build

X, Y = make_blobs(90, centers=3, n_features=5, random_state=0)
NAMES = np.array(["a", "b", "c"])[Y]
TEXTS = ["red apple", "green apple", "wild horse", "tame horse"]
KINDS = ["fruit", "fruit", "animal", "animal"]


def letters(texts):
    """Counts of letters: an encoder that needs no weights."""
    return np.array([[text.count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts], dtype=float)


def test_scikit_learns_own_checks_pass():
    results = check_estimator(MemoryClassifier(), on_skip=None)
    skipped = {result["check_name"] for result in results if result["status"] == "skipped"}
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert skipped <= {"check_array_api_input"}, "which scikit-learn itself skips without SCIPY_ARRAY_API"


def test_it_needs_no_transformers(monkeypatch):
    for name in list(sys.modules):
        if name.split(".")[0] == "hsokv":
            monkeypatch.delitem(sys.modules, name)
        elif name.split(".")[0] == "transformers":
            monkeypatch.setitem(sys.modules, name, None)
    importlib.import_module("hsokv.hub.estimator")
    with pytest.raises(ImportError):
        importlib.import_module("transformers")


def test_one_example_at_a_time_with_new_classes_equals_fit():
    whole, parts = MemoryClassifier().fit(X, NAMES), MemoryClassifier()
    for i in np.argsort(NAMES, kind="stable")[::-1]:  # c first: each class is new, and sorts before those known
        parts.partial_fit(X[i : i + 1], NAMES[i : i + 1])
    assert parts.classes_.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), atol=1e-9)


def test_probabilities_are_those_of_the_equation():
    examples = [[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0]]
    model = MemoryClassifier(n_neighbors=2, inverse_temperature=3.0).fit(examples, [0, 1, 1])
    weights = np.exp(-3 * (1 - np.array([0.6, 0.8]))) + np.exp(-3)
    np.testing.assert_allclose(model.predict_proba([[3.0, 4.0]])[0], weights / weights.sum(), atol=1e-9)


def test_neighbours_are_entries_that_can_be_forgotten():
    model = MemoryClassifier().fit(X, NAMES)
    distances, indices = model.kneighbors(X[:4], 3)
    assert distances.shape == indices.shape == (4, 3)
    np.testing.assert_allclose(distances[:, 0], 0, atol=1e-9)
    assert indices[:, 0].tolist() == [0, 1, 2, 3]
    model.forget(indices[:1, 0])
    assert len(model.memory_) == 89
    assert model.kneighbors(X[:1], 1)[0] > 1e-6
    model.forget(label="b")
    assert not np.isin("b", model.predict(X))
    with pytest.raises(ValueError, match="unknown label 'z'"):
        model.forget(label="z")


@pytest.mark.parametrize("shape", [list, np.array, pd.Series, iter])
def test_texts_with_an_encoder(shape):
    model = MemoryClassifier(encoder=letters).fit(shape(TEXTS), KINDS)
    model.partial_fit(["blue sky"], ["weather"])
    assert model.predict(shape(["apple", "horse", "sky blue"])).tolist() == ["fruit", "animal", "weather"]
    assert model.kneighbors(["green apple"], 1, return_distance=False).tolist() == [[1]]


def test_a_model_of_the_hub_is_an_encoder_and_texts_are_cross_validated():
    model = clone(MemoryClassifier(encoder=build())).fit(["w0 w1", "w10 w11"], [0, 1])
    assert model.predict(["w0 w2", "w9 w11"]).tolist() == [0, 1]
    assert cross_val_score(MemoryClassifier(encoder=letters), TEXTS * 3, KINDS * 3, cv=3).mean() == 1


def test_rows_of_zeros_are_near_each_other_alone():
    model = MemoryClassifier().fit([[0.0, 0.0], [1.0, 0.0]], ["nothing", "east"])
    assert model.predict([[0.0, 0.0], [5.0, 1.0]]).tolist() == ["nothing", "east"]


def with_letters(X, y):
    return MemoryClassifier(encoder=letters).fit(X, y)


def fitted():
    return MemoryClassifier().fit(X, Y)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MemoryClassifier().fit(TEXTS, KINDS), "encoder"),
        (lambda: MemoryClassifier().fit([[text] for text in TEXTS], KINDS), "encoder"),
        (lambda: with_letters(["a", None], [0, 1]), r"texts\[1\].*None"),
        (lambda: with_letters(X, Y), r"texts\[0\]"),
        (lambda: with_letters(TEXTS, KINDS).predict("apple"), "texts"),
        (lambda: MemoryClassifier(capacity=0).fit(X, Y), "capacity"),
        (lambda: MemoryClassifier(inverse_temperature=None).fit(X, Y), "inverse_temperature"),
        (lambda: fitted().kneighbors(X, 0), "n_neighbors"),
        (lambda: fitted().kneighbors(X, 91), "90"),
        (lambda: fitted().partial_fit(X[:1], ["a"]), "numbers beside strings"),
        (lambda: fitted().forget(), "either"),
        (lambda: MemoryClassifier().forget(label=0), "not fitted"),
        *((lambda x=x: fitted().forget(x), "ndices|slots") for x in ([0.7], np.arange(90) < 3, ["a"], [-1], [1000])),
        *((lambda x=x: MemoryClassifier(encoder=x).fit(TEXTS, KINDS), "encoder") for x in ("all-MiniLM-L6-v2", 3)),
        *((lambda x=x: MemoryClassifier().fit(X[:2], ["a", x]), "labels|NaN") for x in (None, pd.NA)),
    ],
)
def test_a_mistake_is_refused(call, words):
    with pytest.raises((ValueError, NotFittedError), match=words):
        call()


def test_a_fit_that_fails_leaves_what_was_fitted():
    model = MemoryClassifier().fit(X, NAMES)
    for call in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="NaN"):
            call(X * np.nan, Y)
    assert model.score(X, NAMES) > 0.9
