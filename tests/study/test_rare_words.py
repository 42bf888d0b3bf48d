import numpy as np
import torch

from hsokv.data.rare_words import Settings, draw_background, draw_episode, make_world
from hsokv.encoders.contexts import encode, train_context_encoders
from hsokv.study.rare_words import encode_seed, spell

KEYS, MAPS = {"shrinkage": 0.1, "directions": 4}, {"steps": 2, "words": 20, "learning_rate": 0.03}
SMALL = Settings(frequent_words=30, frequent_contexts=6, rare_words=10, queries=4)


def test_arrays_of_a_seed_hold_the_background_statistics_and_the_texts_of_the_shots():
    arrays, encoder = encode_seed(3, SMALL, 2, {"two": {"senses": 2, "level": "level1"}}, KEYS, MAPS)
    world = make_world(SMALL, 3)
    known = draw_background(world)
    generator = torch.Generator().manual_seed(3)
    encoders = train_context_encoders(known.tokens, known.labels, SMALL.vocabulary, generator, 2)
    raw = encode(encoders, known.tokens)
    x = raw - raw.mean(0)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    means = np.stack([x[known.labels == word].mean(0) for word in range(30)])
    residual = (x - means[known.labels]).astype(np.float64)
    within = residual.T @ residual / (180 - 30)
    np.testing.assert_allclose(arrays["background/within"], within, atol=1e-6)
    np.testing.assert_allclose(arrays["background/between"], np.cov(means.T) - within / 6, atol=1e-6)
    assert arrays["background/degrees"] == 150
    episode = draw_episode(world, "test", 2, "level1")
    assert arrays["two/test/support/text"].tolist() == spell(SMALL, episode.support.tokens)
    assert arrays["two/dev/query/x"].shape == (40, raw.shape[1])
    assert "two/dev/support/text" not in arrays, "only an arm's own shots are shown"
    assert encoder["training_flops"] > 0
    assert arrays["background/key_map"].shape == arrays["background/query_map"].shape == (raw.shape[1], 8)
    assert arrays["background/map_flops"] > 0
    names = spell(SMALL, np.arange(1, SMALL.vocabulary)[:, None])
    assert len(set(names)) == SMALL.vocabulary - 1
