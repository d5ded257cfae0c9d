"""What was derived from data is remembered for the very same tensors, and for nothing else."""

import copy
import pickle

import torch

from diml_inverse import Fixed
from diml_inverse.learners import Batched, Hedge, LogitQ, PlugIn, PolicyGradient
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
    assert len(calls) == 3  # the parts of a log come by in turn, and none is forgotten


def test_answers_are_forgotten_with_their_tensors():
    calls, function = counted()
    memory = Memory()
    for _ in range(5):
        memory(function, torch.ones(3), None)
    assert len(calls) == 5 and not memory._answers


def test_plain_values_are_part_of_the_question():
    memory, one = Memory(), torch.ones(3)
    found = [float(memory(lambda x, k: (x * k).sum(), one, k)) for k in (2, 1000, 2)]
    assert found == [6.0, 3000.0, 6.0]


def test_nothing_derived_without_gradients_is_kept_for_them():
    rule = LogitQ((2, 2), step_size=Fixed(0.123), inverse_temperature=Fixed(1.0))
    batched = Batched(Hedge((2, 2), step_size=Fixed(0.5)), every=2)
    actions, payoffs = torch.zeros(2, 7, 2, dtype=torch.int64), torch.rand(2, 7, 2, 2, dtype=torch.float64)
    for one in (rule, batched):
        with torch.inference_mode():
            one.replay(actions, payoffs)
        slope = payoffs.clone().requires_grad_()
        one.replay(actions, slope).sum().backward()
        assert slope.grad is not None and bool(slope.grad.isfinite().all())


def test_batches_follow_the_rules_own_length():
    rule = Batched(Hedge((2, 2), step_size=Fixed(0.5)), every=3)
    generator = torch.Generator().manual_seed(0)
    actions = torch.randint(2, (2, 9, 2), generator=generator)
    payoffs = torch.rand(2, 9, 2, 2, generator=generator, dtype=torch.float64)
    rule.replay(actions, payoffs)
    rule.every = 2
    other = Batched(Hedge((2, 2), step_size=Fixed(0.5)), every=2)
    torch.testing.assert_close(rule.replay(actions, payoffs), other.replay(actions, payoffs))


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
