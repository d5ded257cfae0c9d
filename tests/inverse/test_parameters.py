"""Learner parameters: shapes, domains, what is free, and what is refused."""

import math

import pytest
import torch

from diml_inverse import Bounded, Fixed, Positive
from diml_inverse.learners import BanditQ, Batched, Hedge, LogitQ

KINDS = [Fixed, Positive, Bounded]


@pytest.mark.parametrize("kind", KINDS)
def test_one_value_has_no_axes_and_one_per_agent_has_a_trailing_axis(kind):
    assert kind(0.25)().shape == ()
    assert kind([0.25, 0.5])().shape == (2, 1)
    assert kind(0.25, agents=3)().shape == (3, 1)
    torch.testing.assert_close(kind([0.25, 0.5])()[:, 0], torch.tensor([0.25, 0.5], dtype=torch.float64))
    torch.testing.assert_close(kind(0.25, agents=3)()[:, 0], torch.full((3,), 0.25, dtype=torch.float64))


@pytest.mark.parametrize("kind", [Positive, Bounded])
def test_free_parameters_are_free_until_frozen(kind):
    parameter = kind(0.3)
    assert parameter.free and parameter().requires_grad
    assert not parameter.requires_grad_(False).free


def test_fixed_has_no_parameters_and_keeps_any_value():
    assert not Fixed(-2.0).free and list(Fixed(-2.0).parameters()) == []
    assert Fixed(0.0)().item() == 0.0 and not Fixed(0.0).at_bound()


def test_values_are_the_starting_values_in_float64():
    for value in (1e-5, 0.1, 0.5, 0.999):
        for kind in KINDS:
            assert kind(value)().dtype == torch.float64
            assert kind(value)().item() == pytest.approx(value, rel=1e-9)
    assert Bounded(3.0, 2.0, 6.0)().item() == pytest.approx(3.0, rel=1e-12)


def test_domain_maps_and_their_slopes_by_hand():
    positive, bounded = Positive(2.0), Bounded(3.0, 2.0, 6.0)
    positive().backward()
    bounded().backward()
    assert positive.raw.grad.item() == pytest.approx(2.0)  # d exp(r) / dr = exp(r)
    assert bounded.raw.grad.item() == pytest.approx(4.0 * 0.25 * 0.75)  # width * s * (1 - s), s = 1/4


@pytest.mark.parametrize(
    ("raw", "kind", "at"),
    [
        (14.0, Positive, True),
        (-14.0, Positive, True),
        (13.0, Positive, False),
        (-14.0, Bounded, True),
        (13.0, Bounded, False),
    ],
)  # log 1e6 = 13.8; sigmoid(-13.8) = 1e-6
def test_an_estimate_at_the_edge_of_its_domain_says_so(raw, kind, at):
    parameter = kind(0.5, agents=2)
    parameter.raw.data[1] = raw
    assert parameter.at_bound() is at


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, [0.5, 0.0]])
def test_positive_refuses_a_start_that_is_not_above_zero(value):
    with pytest.raises(ValueError, match="expected a starting value above 0; found"):
        Positive(value)


@pytest.mark.parametrize("value", [0.0, 1.0, 2.0, math.nan, [0.5, 1.0]])
def test_bounded_refuses_a_start_that_is_not_strictly_inside(value):
    with pytest.raises(ValueError, match=r"strictly between 0.0 and 1.0; found"):
        Bounded(value)


def test_a_wrong_number_of_values_is_refused():
    with pytest.raises(ValueError, match="one for each of 3 agents; found 2 values"):
        Fixed([0.1, 0.2], agents=3)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: LogitQ((2, 2), step_size=0.25, inverse_temperature=Fixed(1.0)), "step_size"),
        (lambda: LogitQ((2, 2), step_size=Fixed(0.25), inverse_temperature=3.0), "inverse_temperature"),
        (lambda: BanditQ((2, 2), step_size=0.25, inverse_temperature=Fixed(1.0)), "step_size"),
        (lambda: Hedge((2, 2), step_size=Fixed(1.0), forgetting=0.5), "forgetting"),
        (
            lambda: Batched(Hedge((2, 2), step_size=Fixed(1.0)), every=2, innovation=0.5),
            "innovation",
        ),
    ],
)
def test_a_plain_number_is_refused_with_both_ways_to_give_it(unchecked, build, name):
    with pytest.raises(TypeError, match=rf"{name}: expected Fixed\(value\) .* Positive\(start\)"):
        build()


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (LogitQ, {"step_size": Fixed(1.5), "inverse_temperature": Fixed(1.0)}),
        (LogitQ, {"step_size": Fixed(0.5), "inverse_temperature": Fixed(1.0), "exploration": Fixed(-0.1)}),
        (BanditQ, {"step_size": Fixed([0.5, 2.0]), "inverse_temperature": Fixed(1.0)}),
        (Hedge, {"step_size": Fixed(1.0), "forgetting": Positive(2.0)}),
    ],
)
def test_shares_outside_zero_and_one_are_refused(rule, wrong):
    with pytest.raises(ValueError, match=r"expected a share from 0 to 1; found .*; check the value"):
        rule((2, 2), **wrong)
