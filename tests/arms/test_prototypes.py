import torch

from hsokv.arms.prototypes import class_means, fit
from hsokv.learning.budget import Budget
from hsokv.learning.calibration import TEMPERATURES


def test_logits_are_cosines_with_the_class_means_over_the_temperature(make_episode):
    episode = make_episode("shots", noise=0.4)
    fitted = fit(episode, {}, Budget(10**9), torch.Generator())
    cosines = torch.nn.functional.cosine_similarity(
        episode.test.x[:, None], class_means(episode.train, episode.classes)[None], dim=-1
    )
    expected = (cosines / fitted.instruments["temperature"]).log_softmax(-1)
    torch.testing.assert_close(fitted.predict(episode.test.x).log_probs, expected)


def test_the_temperature_is_the_best_on_the_folds(make_episode):
    episode = make_episode("shots", noise=0.4)

    def held_out(t):
        total, unknown = 0.0, []
        for learn, score in episode.folds:
            means = torch.nn.functional.normalize(class_means(learn, episode.classes), dim=-1)
            total += float(torch.nn.functional.cross_entropy(score.x @ means.mT / t, score.y, reduction="sum"))
            unknown.append((score.x @ means.mT / t).log_softmax(-1).mean(-1))
        return total - float(torch.cat(unknown).mean())

    best = min(TEMPERATURES.tolist(), key=held_out)
    assert fit(episode, {}, Budget(10**9), torch.Generator()).instruments["temperature"] == best
