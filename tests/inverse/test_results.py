"""Results: saved and loaded without loss, never over another, and clear about what cannot be."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open

import diml_envs
from diml_inverse import (
    LBFGS,
    Adam,
    Bounded,
    Fixed,
    Positive,
    Status,
    TrajectoryDataset,
    fit,
    load_result,
)
from diml_inverse.learners import (
    ActorCritic,
    BanditQ,
    Batched,
    Hedge,
    LinearSchedule,
    LogitQ,
    MemoryK,
    PlugIn,
    Reinforce,
    ReplayedQ,
    StaticLogit,
    Uniform,
)
from diml_inverse.mechanisms import (
    Congestion,
    JointMechanism,
    Known,
    NeuralAnonymous,
    NeuralJoint,
    PublicGoods,
    TabularAnonymous,
    TabularJoint,
)

SIZES = (3, 3, 3)
SHORT = LBFGS(max_steps=10)


class Taxes(JointMechanism):
    """A user's own family in a few lines: every agent is paid minus its own tax times everybody's actions."""

    def __init__(self, num_actions, power=1.0):
        super().__init__(num_actions)
        self.power = power
        self.tax = torch.nn.Parameter(torch.zeros(len(num_actions), dtype=torch.float64))

    def joint_payoffs(self, actions):
        return -self.tax * actions * actions.sum(-1, keepdim=True) ** self.power


MECHANISMS = {
    "congestion": (Congestion, SHORT),
    "public goods": (lambda s: PublicGoods(s, width=5, seed=2), SHORT),
    "tabular anonymous": (lambda s: TabularAnonymous(s, symmetric=False, ridge=0.5), SHORT),
    "tabular joint, ridge chosen": (TabularJoint, SHORT),
    "neural joint": (lambda s: NeuralJoint(s, width=8, ridge=0.1, seed=3), Adam(max_steps=20)),
    "neural anonymous with context": (
        lambda s: NeuralAnonymous(s, width=8, context_size=1, ridge=0.1),
        Adam(max_steps=20),
    ),
    "a user's own": (lambda s: Taxes(s, power=0.5), SHORT),
}
LEARNERS = {
    "logit-Q": lambda s: LogitQ(s, step_size=Bounded(0.3), inverse_temperature=Fixed([3, 2, 1])),
    "Hedge": lambda s: Hedge(s, step_size=Fixed(0.5), forgetting=Bounded(0.2, 0.1, 0.9, agents=3)),
    "bandit Q": lambda s: BanditQ(
        s, step_size=Fixed(0.25), inverse_temperature=Fixed(3.0), initial=Fixed(0.5)
    ),
    "static logit": lambda s: StaticLogit(s, inverse_temperature=Fixed(3.0), exploration=Bounded(0.1)),
    "batched": lambda s: Batched(Hedge(s, step_size=Fixed(0.5)), every=3, innovation=Positive(0.4)),
    "plugged in": lambda s: PlugIn(
        Reinforce(s, step_size=Fixed(0.5), baseline_step=Bounded(0.1)), iterations=2
    ),
    "actor-critic": lambda s: ActorCritic(
        s, step_size=Fixed(0.5), value_step=Bounded(0.1), clip=Fixed(0.2), every=3, innovation=Positive(0.4)
    ),
    "replayed Q": lambda s: ReplayedQ(
        s,
        step_size=Bounded(0.2),
        inverse_temperature=Fixed(3.0),
        exploration=LinearSchedule(Fixed(1.0), Fixed(0.05), 10),
    ),
    "memory": lambda s: MemoryK(s, memory=1, ridge=2.0),
    "memory 0": lambda s: MemoryK(s, memory=0),
    "uniform": Uniform,
}


def data():
    log = diml_envs.simulate(
        diml_envs.Congestion(3, 3, seed=1), diml_envs.LogitQ(), episodes=10, horizon=15, seed=0
    )
    context = np.random.default_rng(0).integers(0, 2, (10, 15, 1)).astype(float)
    return TrajectoryDataset.from_arrays(log.actions, SIZES, context=context, agents=["x", "y", "z"])


def fitted(mechanism="congestion", learner="logit-Q", **kwargs):
    build, optimizer = MECHANISMS[mechanism]
    return fit(
        data(), build(SIZES), LEARNERS[learner](SIZES), optimizer=optimizer, progress=False, folds=2, **kwargs
    )


def same(result, again):
    log = data()
    context = log.context if result.mechanism.context_size else None
    one, two = (r.mechanism.deviation_payoffs(log.actions, context) for r in (result, again))
    assert torch.equal(one, two)
    for name, parameter in result.learner.learner_parameters().items():
        other = again.learner.learner_parameters()[name]
        assert torch.equal(parameter(), other()) and type(parameter) is type(other)
        assert parameter.free == other.free
    policies = [
        r.learner.log_policy(r.learner.replay(log.actions, one.detach(), log.update)) for r in (result, again)
    ]
    assert torch.equal(*policies)
    assert again.summary() == result.summary()
    fields = ("status", "history", "ridge_path", "agents", "num_choices", "num_episodes", "seconds", "seed")
    for name in (*fields, "log_likelihood", "without_payoffs", "uniform"):
        assert getattr(again, name) == getattr(result, name), name
    for name in ("agent", "statistic", "visits", "context"):
        one, two = getattr(result.situations, name), getattr(again.situations, name)
        assert (one is two is None) or torch.equal(one, two)


@pytest.mark.parametrize("name", MECHANISMS)
@pytest.mark.slow
def test_saved_mechanisms_come_back_the_same(name, tmp_path):
    result = fitted(name)
    folder = result.save(tmp_path / "deep" / "fit")
    assert sorted(path.name for path in folder.iterdir()) == ["result.json", "tensors.safetensors"]
    same(result, load_result(folder, classes={"Taxes": Taxes}))


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.slow
def test_saved_learners_come_back_the_same(name, tmp_path):
    result = fitted(learner=name)
    result.save(tmp_path / "fit")
    same(result, load_result(tmp_path / "fit"))


@pytest.mark.slow
def test_a_loaded_result_can_be_fitted_again_and_saved_again(tmp_path):
    result = fitted()
    again = load_result(result.save(tmp_path / "one"))
    more = fit(data(), again.mechanism, again.learner, progress=False)
    assert more.log_likelihood >= result.log_likelihood - 1e-9
    more.save(tmp_path / "two")


def test_files_are_json_and_safetensors(tmp_path):
    folder = fitted().save(tmp_path / "fit")
    text = json.loads((folder / "result.json").read_text())
    assert text["diml_result"] == 1 and text["mechanism"]["class"] == "Congestion"
    with safe_open(folder / "tensors.safetensors", framework="np") as tensors:
        assert "mechanism.linear" in tensors.keys()


def test_nothing_is_overwritten(tmp_path):
    result = fitted()
    result.save(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match="expected a folder without a result; found result.json"):
        fitted(seed=1).save(tmp_path)
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_folder_without_a_result_another_version_and_an_unknown_class_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="give the folder that `save` wrote"):
        load_result(tmp_path / "nowhere")
    folder = fitted("a user's own").save(tmp_path / "fit")
    with pytest.raises(
        ValueError, match=r"found 'Taxes'; write load_result\(folder, classes={'Taxes': Taxes}\)"
    ):
        load_result(folder)
    text = json.loads((folder / "result.json").read_text())
    for version in (2, None):
        (folder / "result.json").write_text(json.dumps(text | {"diml_result": version}))
        with pytest.raises(ValueError, match=f"expected diml_result 1; found {version}"):
            load_result(folder)


def test_a_payoff_function_cannot_be_saved_and_leaves_no_file(tmp_path):
    game = diml_envs.Congestion(3, 3)
    result = fit(data(), Known(game, SIZES), LEARNERS["logit-Q"](SIZES), progress=False)
    with pytest.raises(TypeError, match="Known.payoff_function: expected a number, text"):
        result.save(tmp_path / "fit")
    assert not (tmp_path / "fit").exists()


@pytest.mark.slow
def test_a_users_class_that_forgets_an_argument_is_told_how_to_keep_it(tmp_path):
    class Forgetful(Taxes):
        def __init__(self, num_actions, secret=1):
            super().__init__(num_actions)

    result = fit(data(), Forgetful(SIZES), LEARNERS["logit-Q"](SIZES), optimizer=SHORT, progress=False)
    with pytest.raises(TypeError, match="add self.secret = secret to __init__"):
        result.save(tmp_path / "fit")


def test_per_agent_values_given_as_arrays_are_saved(tmp_path, unchecked):
    rule = LogitQ(
        SIZES, step_size=Fixed(np.array([0.1, 0.2, 0.3])), inverse_temperature=Fixed(torch.tensor(3.0))
    )
    result = fit(data(), Congestion(SIZES), rule, optimizer=SHORT, progress=False)
    same(result, load_result(result.save(tmp_path / "fit")))


def test_summary_names_status_fit_learner_and_payoffs():
    result = fitted()
    text = result.summary()
    assert text.splitlines()[0] == "Congestion x LogitQ"
    assert f"status: {result.status.value}. {result.status.remedy}" in text
    assert "10 episodes, 3 agents, 450 choices" in text
    assert f"{result.log_likelihood / 450:.4f}" in text and f"{-np.log(3):.4f}" in text
    assert "step_size" in text and "estimated" in text and "3, 2, 1  known" in text
    if result.status is not Status.NO_INFORMATION:
        assert "all agents" in text and "action 2" in text


@pytest.mark.slow
def test_summary_names_each_agent_where_payoffs_differ_between_them():
    log = data()
    result = fit(log, TabularJoint(SIZES, ridge=0.1), LEARNERS["logit-Q"](SIZES), progress=False)
    object.__setattr__(result, "status", Status.CONVERGED)
    for name in ("x", "y", "z"):
        assert f"  {name} " in result.summary()


def test_results_are_frozen():
    with pytest.raises(AttributeError):
        fitted().status = Status.CONVERGED
