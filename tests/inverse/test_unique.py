"""Distinct rows: each kept once, found again for every row, whatever the hash does."""

import numpy as np
import pytest
import torch

from diml_inverse import unique
from diml_inverse.unique import unique_rows


def tables(rows=500, seed=0):
    rng = np.random.default_rng(seed)
    return (
        torch.from_numpy(rng.integers(-2, 3, (rows, 2))),
        torch.from_numpy(rng.choice([-1.5, 0.25, 1e300], (rows, 1))),
        torch.from_numpy(rng.integers(0, 2, (rows, 3)).astype(np.int32)),
    )


def collide(bits):
    """A hash that is the same for all rows."""
    _, first, inverse = np.unique(np.zeros(len(bits)), return_index=True, return_inverse=True)
    return first, inverse


@pytest.mark.parametrize("hashing", ["as it is", "all rows collide"])
def test_every_row_is_found_again_and_no_row_is_kept_twice(monkeypatch, hashing):
    if hashing == "all rows collide":
        monkeypatch.setattr(unique, "_by_hash", collide)
    given = tables()
    first, inverse = unique_rows(*given)
    assert all(torch.equal(table[first][inverse], table) for table in given)
    everything = [tuple(np.concatenate([t[k].double().numpy() for t in given])) for k in range(500)]
    assert len(first) == len(set(everything)) < 500
    assert torch.equal(inverse[first], torch.arange(len(first)))


def test_numbers_that_differ_in_the_last_bit_are_distinct():
    close = torch.tensor([[1.0], [1.0 + 2**-52], [1.0]], dtype=torch.float64)
    first, inverse = unique_rows(close)
    assert len(first) == 2 and inverse[0] == inverse[2] != inverse[1]
    large = torch.tensor([[2**62], [2**62 + 1], [2**62]])
    assert len(unique_rows(large)[0]) == 2


def test_permuted_columns_are_distinct_rows():
    first, _ = unique_rows(torch.tensor([[0, 1], [1, 0], [0, 1]]))
    assert len(first) == 2


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_of_no_rows_or_one(rows):
    first, inverse = unique_rows(torch.zeros(rows, 2, dtype=torch.int64), torch.zeros(rows, 0))
    assert len(first) == len(inverse) == rows


def test_a_large_anonymous_game_has_at_most_one_row_per_joint_action_and_own_action():
    """24 episodes of 30 steps of 120 agents with 25 actions: 86,400 rows."""
    rng = np.random.default_rng(0)
    actions = torch.from_numpy(rng.integers(0, 25, (720, 120)))
    own = torch.nn.functional.one_hot(actions, 25)
    counts = (own.sum(1, keepdim=True) - own).reshape(-1, 25)
    first, inverse = unique_rows(counts)
    assert torch.equal(counts[first][inverse], counts)
    assert len(first) <= 720 * 25
