import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from hsokv.arms.knn import fit
from hsokv.data.episode import Shots
from hsokv.learning.budget import Budget


def predict(episode, k, x):
    return fit(episode, {"knn": {"k": k}}, Budget(1), torch.Generator()).predict(x).log_probs


@pytest.mark.parametrize("k", [1, 3, 7])
def test_it_equals_scikit_learn(make_episode, k):
    episode = make_episode("shots", noise=0.5)
    peer = KNeighborsClassifier(k, metric="cosine").fit(episode.train.x.numpy(), episode.train.y.numpy())
    found = predict(episode, k, episode.test.x)
    assert found.argmax(-1).tolist() == peer.predict(episode.test.x.numpy()).tolist()
    smoothed = (k * torch.tensor(peer.predict_proba(episode.test.x.numpy())) + 1 / episode.classes) / (k + 1)
    torch.testing.assert_close(found.exp().double(), smoothed)


def test_more_neighbours_than_shots_are_all_shots(make_episode):
    episode = make_episode("words")
    assert torch.equal(predict(episode, 100, episode.test.x), predict(episode, len(episode.train.y), episode.test.x))


def test_ties_go_to_the_older_shot(make_episode):
    episode = make_episode("shots")
    twins = Shots(episode.train.x[:1].expand(32, -1), torch.arange(32) % episode.classes)
    assert predict(episode._replace(train=twins), 1, episode.test.x).argmax(-1).tolist() == [0] * len(episode.test.y)
