"""The scan equals the plain loop: values, gradients and gradients of gradients."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from diml_inverse.scan import BLOCK, _fill, _solve, linear_scan, max_plus_scan

EPISODES, AGENTS, ACTIONS = 2, 3, 2
STEPS = [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 300]
SHAPES = {
    "shared": lambda T: (),
    "one agent's shape": lambda T: (1, 1),
    "per agent": lambda T: (AGENTS, 1),
    "per agent and action": lambda T: (AGENTS, ACTIONS),
    "per action": lambda T: (ACTIONS,),
    "per step": lambda T: (T, 1, 1),
    "per episode and step": lambda T: (EPISODES, T, AGENTS, 1),
    "full": lambda T: (EPISODES, T, AGENTS, ACTIONS),
}
LEVELS = {"inside": None, "0": 0.0, "1": 1.0}
EXACT = {"rtol": 1e-10, "atol": 1e-10}


def loop(decay, drive, initial):
    """s[t+1] = decay[t] * s[t] + drive[t], as it is written down."""
    states, decays = [initial], decay.expand_as(drive)
    for t in range(drive.shape[1]):
        states.append(decays[:, t] * states[-1] + drive[:, t])
    return torch.stack(states, dim=1)


def inputs(shape, steps, level, agents=AGENTS, actions=ACTIONS):
    generator = torch.Generator().manual_seed(steps)

    def draw(*size):
        return torch.rand(size, generator=generator, dtype=torch.float64)

    decay = draw(*shape) if level is None else torch.full(shape, level, dtype=torch.float64)
    drive, initial = draw(EPISODES, steps, agents, actions) - 0.5, draw(EPISODES, agents, actions)
    return tuple(value.requires_grad_() for value in (decay, drive, initial))


def gradients(solve, values, weight, create_graph=False):
    return torch.autograd.grad((solve(*values) * weight).sum(), values, create_graph=create_graph)


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_scan_equals_loop_in_values_and_gradients(shape, steps, level):
    values = inputs(shape(steps), steps, level)
    ours, plain = linear_scan(*values), loop(*values)
    assert ours.shape == (EPISODES, steps + 1, AGENTS, ACTIONS)
    torch.testing.assert_close(ours, plain, **EXACT)
    weight = torch.rand(ours.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    pairs = zip(
        torch.autograd.grad((ours * weight).sum(), values, allow_unused=True),
        torch.autograd.grad((plain * weight).sum(), values, allow_unused=True),
        strict=True,
    )
    for one, other in pairs:
        zero = torch.zeros(())  # without steps the decay is not used
        torch.testing.assert_close(zero if one is None else one, zero if other is None else other, **EXACT)


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("steps", [2, BLOCK + 1])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_second_derivatives_equal_those_of_the_loop(shape, steps, level):
    values = inputs(shape(steps), steps, level)
    weight = torch.rand((EPISODES, steps + 1, AGENTS, ACTIONS), dtype=torch.float64)
    found = []
    for solve in (linear_scan, loop):
        (slope, _, _) = gradients(lambda *v, f=solve: f(*v).square(), values, weight, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), values))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_autograd_equals_finite_differences(shape, steps):
    values = inputs(shape(steps), steps, None)
    assert gradcheck(linear_scan, values)
    assert gradgradcheck(linear_scan, values, fast_mode=True)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 7, 300])
def test_chunks_side_by_side_as_on_a_gpu_equal_the_compiled_pass(steps, backwards):
    decay, drive, initial = (x.detach() for x in inputs(SHAPES["full"](steps), steps, None))
    states = torch.empty(EPISODES, steps + 1, AGENTS, ACTIONS, dtype=torch.float64)
    states[:, -1 if backwards else 0] = initial
    _fill(decay, drive, initial, states[:, :-1] if backwards else states[:, 1:], backwards)
    torch.testing.assert_close(states, _solve(decay, drive, initial, backwards), **EXACT)
    if backwards:
        expected = loop(decay.flip(1), drive.flip(1), initial).flip(1)
        torch.testing.assert_close(states, expected, **EXACT)


def test_blocks_of_blocks_equal_the_loop():
    steps = BLOCK * (BLOCK + 2) + 5  # the block ends themselves take more than one block
    decay, drive, initial = inputs((AGENTS, 1), steps, None)
    decay = (0.99 + 0.01 * decay).detach()
    torch.testing.assert_close(
        linear_scan(decay, drive.detach(), initial.detach()),
        loop(decay, drive.detach(), initial.detach()),
        **EXACT,
    )


@pytest.mark.parametrize("agents", [1, 2])
def test_a_decay_per_action_is_not_taken_for_one_per_agent(agents):
    values = inputs((2,), 5, None, agents=agents, actions=2)
    torch.testing.assert_close(linear_scan(*values), loop(*values), **EXACT)


def test_precision_follows_the_drive():
    decay, drive, initial = (value.detach().float() for value in inputs((), 10, None))
    assert linear_scan(decay, drive, initial).dtype == torch.float32


def clipped_loop(drive, initial):
    """s[t+1] = max(s[t] + drive[t], 0), as it is written down."""
    states = [initial]
    for t in range(drive.shape[1]):
        states.append(torch.relu(states[-1] + drive[:, t]))
    return torch.stack(states, dim=1)


@pytest.mark.parametrize("drift", [-0.3, 0.0, 0.3], ids=["mostly at 0", "about even", "mostly above"])
@pytest.mark.parametrize("steps", STEPS)
def test_max_plus_scan_equals_loop_in_values_and_gradients(steps, drift):
    _, drive, initial = inputs((), steps, None)
    drive = (drive + drift).detach().requires_grad_()
    ours, plain = max_plus_scan(drive, initial), clipped_loop(drive, initial)
    assert ours.shape == (EPISODES, steps + 1, AGENTS, ACTIONS)
    torch.testing.assert_close(ours, plain, **EXACT)
    assert steps < 10 or drift > 0 or (ours == 0).any()
    assert torch.equal(ours == 0, plain == 0)  # what is clipped is exactly 0
    weight = torch.rand(ours.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    pairs = zip(
        *(torch.autograd.grad((s * weight).sum() + 0 * drive.sum(), (drive, initial)) for s in (ours, plain)),
        strict=True,
    )
    for one, other in pairs:
        torch.testing.assert_close(one, other, **EXACT)


def test_max_plus_scan_has_first_and_second_derivatives():
    _, drive, initial = inputs((), 5, None)
    assert gradcheck(max_plus_scan, (drive, initial))
    assert gradgradcheck(lambda d, s: max_plus_scan(d, s).square(), (drive, initial), fast_mode=True)


def test_max_plus_scan_by_hand_and_in_single_precision():
    """1, then + 2, - 4 (clipped), 0, + 1.5, - 1: 1, 3, 0, 0, 1.5, 0.5."""
    drive = torch.tensor([2.0, -4.0, 0.0, 1.5, -1.0]).reshape(1, 5, 1, 1)
    states = max_plus_scan(drive, torch.ones(1, 1, 1))
    assert states.flatten().tolist() == [1.0, 3.0, 0.0, 0.0, 1.5, 0.5] and states.dtype == torch.float32
