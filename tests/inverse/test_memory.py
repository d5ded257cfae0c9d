"""What was derived from data is remembered for the very same tensors, and for nothing else."""

import copy
import pickle

import torch

from diml_inverse import Fixed
from diml_inverse.learners import Batched, Hedge, PlugIn, PolicyGradient
from diml_inverse.learners.batches import Batches
from diml_inverse.learners.frequencies import past_frequencies
from diml_inverse.memory import Memory


def counted():
    calls = []

    def function(one, other):
        calls.append(1)
        return one + (0 if other is None else other)

    return calls, function


def test_the_same_tensors_are_asked_about_once():
    calls, function = counted()
    memory, one, two = Memory(), torch.ones(3), torch.ones(3)
    for question in ((one, None), (one, None), (one, two), (one, two), (two, two), (one, None)):
        memory(function, *question)
    assert len(calls) == 4


def test_tensors_written_to_in_place_are_new_questions():
    calls, function = counted()
    memory, one = Memory(), torch.ones(3)
    memory(function, one, None)
    one += 1
    assert torch.equal(memory(function, one, None), one) and len(calls) == 2


def test_tensors_of_inference_mode_can_be_asked_about():
    with torch.inference_mode():
        one = torch.ones(3)
        assert torch.equal(Memory()(lambda part: part + 1, one), one + 1)


def test_copies_begin_with_nothing_remembered():
    calls, function = counted()
    memory, one = Memory(), torch.ones(3)
    memory(function, one, None)
    for clone in (copy.deepcopy(memory), pickle.loads(pickle.dumps(memory))):
        clone(function, one, None)
    assert len(calls) == 3


def test_learners_derive_batches_and_frequencies_once_per_log(monkeypatch):
    calls = []
    for place, function in (
        ("batch_rule.Batches.of", Batches.of),
        ("plug_in.past_frequencies", past_frequencies),
    ):
        derive = lambda *given, function=function: calls.append(1) or function(*given)  # noqa: E731
        monkeypatch.setattr(f"diml_inverse.learners.{place}", derive)
    actions, payoffs = torch.zeros(2, 6, 2, dtype=torch.int64), torch.rand(2, 6, 2, 3, dtype=torch.float64)
    batched = Batched(Hedge((3, 3), step_size=Fixed(1.0)), every=2)
    for rule in (batched, PlugIn(PolicyGradient((3, 3), step_size=Fixed(1.0)))):
        calls.clear()
        for asked in (rule, rule, copy.deepcopy(rule)):
            asked.replay(actions, payoffs)
        assert len(calls) == 2
