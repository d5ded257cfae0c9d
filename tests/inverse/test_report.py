"""The report: its numbers by hand, its words per family, what it says without information or payoffs."""

import dataclasses
import functools
import math
import re

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from scipy.optimize import minimize
from scipy.stats import t as student

import diml_envs
import diml_inverse as di
from diml_inverse import report_checks
from diml_inverse.figures import action_frequencies
from diml_inverse.report import report as report_and_checks
from diml_inverse.report_text import report_text
from diml_inverse.situation_words import situation_in_words
from diml_inverse.situations import Situations

report = functools.partial(report_and_checks, checks=False)
RULE = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)


def dataset(game, *, seed=0, episodes=12, horizon=30, rule=RULE):
    log = diml_envs.simulate(game, rule, episodes=episodes, horizon=horizon, seed=seed)
    return di.TrajectoryDataset.from_arrays(log.actions, game.num_actions, payoffs=log.payoffs)


def logit_q(sizes, beta=3.0):
    return di.learners.LogitQ(
        sizes, step_size=di.Fixed(0.25), inverse_temperature=di.Fixed(beta), exploration=di.Fixed(0.06)
    )


@pytest.fixture(scope="module")
def congestion():
    """A log of three agents on three roads."""
    return dataset(diml_envs.Congestion(3, 3, seed=1))


@pytest.fixture(scope="module")
def fits(congestion):
    """Fits of it with the right scale, and with the scale set to 1."""
    mechanism = di.mechanisms.Congestion(congestion.num_actions)
    return {beta: di.fit(congestion, mechanism, logit_q((3, 3, 3), beta)) for beta in (3.0, 1.0)}


@pytest.fixture(scope="module")
def joint():
    """A log and a fit of agents with different numbers of actions."""
    data = dataset(diml_envs.Scaled(diml_envs.NeuralJoint(3, (2, 3, 2), seed=3), 6.0), episodes=8)
    mechanism = di.mechanisms.TabularJoint(data.num_actions, ridge=1.0)
    return data, di.fit(data, mechanism, logit_q(data.num_actions), optimizer=di.LBFGS(max_steps=20), folds=2)


@pytest.fixture(scope="module")
def checked(congestion, fits):
    """A report with everything."""
    return report_and_checks(fits[3.0], congestion, checks=True)


def by_hand(result, data):
    """Centred (recovered, realised) per (agent group, situation) visited with two own actions or more."""
    actions, payoffs = data.actions.numpy(), data.payoffs.numpy()
    seen = {}
    for e, t in np.ndindex(actions.shape[:2]):
        for i in range(actions.shape[2]):
            others = tuple(np.delete(actions[e, t], i))
            if result.mechanism.symmetric:
                i_key, key = 0, tuple(np.bincount(others, minlength=data.max_actions))
            else:
                i_key, key = i, others
            cells = seen.setdefault((i_key, key), {})
            cells.setdefault(int(actions[e, t, i]), []).append((payoffs[e, t, i], actions[e, t]))
    rows = []
    for (agent, key), cells in seen.items():
        if len(cells) < 2:
            continue
        visits = sum(map(len, cells.values()))
        real = {a: np.mean([p for p, _ in found]) for a, found in cells.items()}
        joint = next(iter(cells.values()))[0][1]
        own = result.mechanism.deviation_payoffs(torch.as_tensor(joint)).detach()
        who = agent
        if result.mechanism.symmetric:  # an agent who faces these counts at this joint action
            who = next(
                i for i in range(len(joint))
                if tuple(np.bincount(np.delete(joint, i), minlength=data.max_actions)) == key
            )  # fmt: skip
        guess = {a: float(own[who, a]) for a in cells}
        for values in (real, guess):
            mean = np.mean(list(values.values()))
            values.update({a: v - mean for a, v in values.items()})
        rows.append((agent, key, visits, guess, real))
    return rows


def r2(rows, factors):
    error = sum(w * (factors[i] * g[a] - r[a]) ** 2 for i, _, w, g, r in rows for a in r)
    zero = sum(w * r[a] ** 2 for _, _, w, _, r in rows for a in r)
    return 1 - error / zero


def best_factors(rows, agents):
    factors = []
    for i in range(agents):
        mine = [(w * g[a], g[a], r[a]) for k, _, w, g, r in rows if k == i for a in r]
        factors.append(sum(w * r for w, _, r in mine) / sum(w * g for w, g, _ in mine) if mine else 1.0)
    return factors


@pytest.mark.slow
def test_recovery_equals_the_score_computed_by_loops_over_the_log(congestion, fits, joint):
    for data, result in ((congestion, fits[3.0]), (congestion, fits[1.0]), joint):
        found = report(result, data).comparison
        rows = by_hand(result, data)
        factors = best_factors(rows, 3)
        assert float(found.recovery.plain) == pytest.approx(r2(rows, [1, 1, 1]), abs=1e-9)
        assert float(found.recovery.scale_free) == pytest.approx(r2(rows, factors), abs=1e-9)
        zero = sum(w * r[a] ** 2 for _, _, w, _, r in rows for a in r)
        assert found.recovery.plain.zero_predictor == pytest.approx(
            zero / sum(w * len(r) for _, _, w, _, r in rows)
        )
    assert float(report(fits[3.0], congestion).comparison.headline) > 0.9


def test_printed_means_and_situations_are_those_of_the_log(congestion, fits):
    text = report(fits[3.0], congestion).text
    rows = by_hand(fits[3.0], congestion)
    for action in range(3):
        here = [row for row in rows if action in row[4]]
        weight = sum(row[2] for row in here)
        means = [sum(row[2] * row[k][action] for row in here) / weight for k in (3, 4)]
        taken = int((congestion.actions == action).sum())
        (line,) = [s for s in text.splitlines() if s.split()[:2] == ["all", str(action)]]
        assert line.split()[2:] == [f"{taken:,}", *(f"{mean:+.4f}" for mean in means)]
    most = max(rows, key=lambda row: row[2])
    (line,) = [s for s in text.splitlines() if f"action 0, 1, 2: {', '.join(map(str, most[1]))} " in s]
    assert f" {most[2]:,} " in line
    for action in range(3):
        assert f"{most[3][action]:+.4f} ({most[4][action]:+.4f})" in line


def test_scale_set_to_one_makes_the_scale_free_score_the_headline_and_rescales(congestion, fits):
    known, unknown = report(fits[3.0], congestion), report(fits[1.0], congestion)
    assert known.comparison.headline is known.comparison.recovery.plain
    assert known.comparison.factors == (1.0, 1.0, 1.0) and "multiplied" not in known.text
    headline = unknown.comparison.headline
    assert headline is unknown.comparison.recovery.scale_free and headline > 0.9
    # the estimates at scale 1 are three times those at scale 3, so the best factor is a third of theirs
    third = known.comparison.recovery.scale_free.factors[0] / 3
    assert unknown.comparison.factors[0] == pytest.approx(third, rel=1e-3)
    assert f"multiplied by a fitted factor ({unknown.comparison.factors[0]:.4g})" in unknown.text
    torch.testing.assert_close(
        unknown.comparison.rescaled(),
        unknown.comparison.differences.recovered * unknown.comparison.factors[0],
    )
    told = report(fits[1.0], congestion, scale_known=True)
    assert told.comparison.headline is told.comparison.recovery.plain


def test_likelihoods_stand_beside_uniform_and_an_independent_memory_baseline():
    rng = np.random.default_rng(0)
    actions = rng.integers(0, 2, size=(6, 20, 2))
    for t in range(1, 20):  # agent 0 does what agent 1 did, four times out of five
        actions[:, t, 0] = np.where(rng.random(6) < 0.8, actions[:, t - 1, 1], actions[:, t, 0])
    data = di.TrajectoryDataset.from_arrays(actions, (2, 2))
    mechanism = di.mechanisms.TabularJoint((2, 2), ridge=1.0)
    result = di.fit(data, mechanism, logit_q((2, 2)), optimizer=di.LBFGS(max_steps=10), folds=2)
    behaviour = report(result, data).comparison.behaviour
    past = np.zeros((6, 20, 5))  # who did what at the last step, and a constant
    for e, t, i in np.ndindex(6, 20, 2):
        past[e, t, 4] = 1
        if t:
            past[e, t, 2 * i + actions[e, t - 1, i]] = 1

    def log_likelihood(flat):
        logits = (past @ flat.reshape(5, 4)).reshape(6, 20, 2, 2)
        logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        return np.take_along_axis(logs, actions[..., None], -1).sum()

    best = minimize(lambda w: 0.5 * (w**2).sum() - log_likelihood(w), np.zeros(20), tol=1e-10)
    assert behaviour.memory == pytest.approx(log_likelihood(best.x) / 240, abs=1e-5)
    assert behaviour.uniform == pytest.approx(-math.log(2))
    assert behaviour.fit == pytest.approx(result.log_likelihood / 240)
    assert behaviour.without_payoffs == pytest.approx(result.without_payoffs / 240)


def test_held_out_episodes_are_scored_with_baselines_fitted_elsewhere(congestion):
    train, test = congestion.split(0.25, seed=3)
    result = di.fit(train, di.mechanisms.Congestion((3, 3, 3)), logit_q((3, 3, 3)))
    found = report(result, train, held_out=test)
    model = di.LearningDynamics(result.mechanism, result.learner)
    held_out = found.comparison.held_out_behaviour
    assert held_out.fit == pytest.approx(float(model.log_likelihood(test).sum().detach()) / test.num_choices)
    own = report(result, test).comparison.behaviour  # there the memory is fitted to the test episodes
    assert held_out.memory < own.memory and held_out.uniform == pytest.approx(-math.log(3))
    assert "9 fitted episodes" in found.text and "3 held-out episodes" in found.text
    assert "In-sample" not in found.text and "In-sample" in report(result, train).text


def test_choices_that_the_fit_was_not_made_on_are_noticed(congestion, fits):
    assert "Warning" not in report(fits[3.0], congestion).text
    train, _ = congestion.split(0.25, seed=3)
    assert "not the choices that the fit was made on" in report(fits[3.0], train).text


def test_log_of_other_agents_is_refused(fits, joint):
    with pytest.raises(ValueError, match="expected the log of the fit"):
        report(fits[3.0], joint[0])


def test_without_information_no_payoffs_are_shown(tmp_path):
    still = diml_envs.LogitQ(step_size=0.0, inverse_temperature=3.0, exploration=0.06)
    data = dataset(diml_envs.Congestion(3, 3, seed=1), rule=still, episodes=6, horizon=20)
    result = di.fit(data, di.mechanisms.Congestion((3, 3, 3)), logit_q((3, 3, 3)))
    assert result.status is di.Status.NO_INFORMATION
    found = report(result, data, picture=tmp_path / "none.png")
    assert "data carry no information about the payoffs" in found.text and result.status.remedy in found.text
    assert "recovered" not in found.text and "situations" not in found.text
    assert found.comparison.differences is None and found.comparison.headline is None
    assert imread(tmp_path / "none.png").std() > 0


def test_log_without_payoffs_is_reported_without_realised_ones(congestion, fits, tmp_path):
    bare = dataclasses.replace(congestion, payoffs=None)
    found = report(fits[3.0], bare, picture=tmp_path / "bare.png")
    assert "The log carries no payoffs" in found.text and "realised" not in found.text
    assert found.comparison.recovery is None and (tmp_path / "bare.png").stat().st_size > 10_000
    # centred over all own actions of a situation, seen or not
    torch.testing.assert_close(
        found.comparison.differences.recovered.sum(1), torch.zeros(6, dtype=torch.float64), atol=1e-12, rtol=0
    )


@pytest.mark.slow
def test_picture_is_written_and_differs_between_logs(congestion, fits, joint, tmp_path):
    one = report(fits[3.0], congestion, picture=tmp_path / "new" / "one.png").picture
    again = report(fits[3.0], congestion, picture=tmp_path / "again.png").picture
    other = report(joint[1], joint[0], picture=str(tmp_path / "other.png")).picture
    first, second, third = imread(one), imread(again), imread(other)
    np.testing.assert_array_equal(first, second)
    assert first.shape == third.shape and np.abs(first - third).mean() > 0.005
    with pytest.raises(ValueError, match=r"ending in \.png"):
        report(fits[3.0], congestion, picture=tmp_path / "one.pdf")


def test_frequencies_over_time_are_means_over_episodes_still_running():
    actions = np.array([[[0], [1], [1], [0]], [[0], [0], [0], [0]]])
    data = di.TrajectoryDataset.from_arrays(actions, (2,), lengths=[4, 2])
    result = di.fit(data, di.mechanisms.TabularJoint((2,), ridge=1.0), logit_q((2,)))
    observed, fitted, steps = action_frequencies(result, data, bins=2)
    assert steps.tolist() == [0.5, 2.5]
    assert observed[:, 0].tolist() == [[0.75, 0.25], [0.5, 0.5]]
    policies = di.LearningDynamics(result.mechanism, result.learner).log_policies(data).exp().detach()
    torch.testing.assert_close(fitted[0], policies[:, :2].mean((0, 1)))
    torch.testing.assert_close(fitted[1], policies[0, 2:].mean(0))


FAMILIES = {
    "counts": (di.mechanisms.TabularAnonymous((3, 3, 3, 3)), "others on action 0, 1, 2: 1, 0, 2"),
    "congestion": (di.mechanisms.Congestion((3, 3, 3, 3)), "others on action 0, 1, 2: 1, 0, 2"),
    "table": (di.mechanisms.TabularJoint((3, 3, 3, 3)), "others played (2, 0, 2)"),
    "joint": (di.mechanisms.NeuralJoint((3, 3, 3, 3)), "others played (2, 0, 2)"),
    "total": (di.mechanisms.PublicGoods((3, 3, 3, 3)), "others contribute 2 in total"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_situations_are_told_in_words(family):
    mechanism, words = FAMILIES[family]
    data = di.TrajectoryDataset.from_arrays([[[1, 2, 0, 2]]], (3, 3, 3, 3))
    contexts = mechanism.contexts(data.actions)
    row = int(contexts.index[0, 0, 0])  # what agent 0 faced
    assert situation_in_words(mechanism, Situations.of(data, contexts), row) == words


def test_a_single_agent_plays_alone():
    data = di.TrajectoryDataset.from_arrays([[[1], [0]]], (2,))
    mechanism = di.mechanisms.TabularJoint((2,))
    situations = Situations.of(data, mechanism.contexts(data.actions))
    assert situation_in_words(mechanism, situations, 0) == "nobody else plays"


def test_mixed_radix_of_unequal_sizes_is_read_back(joint):
    data, result = joint
    contexts = result.mechanism.contexts(data.actions)
    situations = Situations.of(data, contexts)
    for t, i in np.ndindex(30, 3):
        others = np.delete(data.actions[0, t].numpy(), i)
        words = f"others played ({', '.join(map(str, others))})"
        assert situation_in_words(result.mechanism, situations, int(contexts.index[0, t, i])) == words


def first(text, *words):
    """Places of some words, none of which may be missing."""
    assert all(word in text for word in words), text
    return [text.index(word) for word in words]


def test_a_memory_that_wins_clearly_is_named_before_any_number():
    """Two agents who repeat what the other did last, nine times out of ten: no learner of payoffs does."""
    rng = np.random.default_rng(0)
    actions = rng.integers(0, 2, size=(20, 20, 2))
    for t in range(1, 20):
        actions[:, t] = np.where(rng.random((20, 2)) < 0.9, actions[:, t - 1, ::-1], actions[:, t])
    data = di.TrajectoryDataset.from_arrays(actions, (2, 2))
    result = di.fit(data, di.mechanisms.TabularJoint((2, 2), ridge=1.0), logit_q((2, 2)), progress=False)
    found = report_and_checks(result, data)
    warning, contradicted, numbers = first(
        found.text,
        "A memory of the last steps, which knows no payoffs, predicts held-out episodes better",
        "The log contradicts this model",
        "log-likelihood per choice",
    )
    assert warning < contradicted < numbers
    assert not re.search(r"\d\.\d", found.text[:warning])
    assert found.checks.adequacy.rejected and found.checks.adequacy.memory_ahead > 0.1


@pytest.mark.slow
def test_intervals_are_those_of_the_printed_means_by_finite_differences(congestion, fits, checked):
    """The delta method with slopes of the loop over the log, and t quantiles of 12 - 1 degrees of freedom."""
    result, step = fits[3.0], 1e-5
    parameters = list(result.mechanism.parameters())

    def means():
        rows = by_hand(result, congestion)
        pairs = [[(row[3][a], row[2]) for row in rows if a in row[3]] for a in range(3)]
        return np.array(
            [np.average([mean for mean, _ in seen], weights=[n for _, n in seen]) for seen in pairs]
        )

    slopes = []
    for parameter in parameters:
        flat = parameter.data.view(-1)
        for k in range(len(flat)):
            ends = []
            for sign in (1, -1):
                flat[k] += sign * step
                ends.append(means())
                flat[k] -= sign * step
            slopes.append((ends[0] - ends[1]) / (2 * step))
    matrix = di.covariance(congestion, result).matrix.numpy()
    errors = np.sqrt(np.einsum("pa,pq,qa->a", slopes, matrix, slopes))
    reach = student.ppf(0.975, 11) * errors
    for action, (mean, wide) in enumerate(zip(means(), reach, strict=True)):
        (line,) = [s for s in checked.text.splitlines() if s.split()[:2] == ["all", str(action)]]
        assert f"{mean:+.4f}   [{mean - wide:+.4f}, {mean + wide:+.4f}]" in line
    assert "(95 % intervals: sandwich covariance, episodes independent)" in checked.text


def test_what_is_open_is_named_and_the_fit_is_not_contradicted(checked):
    text = checked.text
    verdict, means, situations, identified, one = first(
        text,
        "Nothing in the log contradicts this model",
        "payoff of each own action",
        "most visited situations",
        "identification: 6 of 6 free coordinates identified",
        "one constant per opponents' context: 6",  # each of the 6 counts of two others on three roads
    )
    assert verdict < means < situations < identified < one
    assert "learner parameters" not in text  # all were given


@pytest.mark.slow
def test_estimated_learner_parameters_stand_with_intervals_inside_their_domain(congestion):
    rule = di.learners.LogitQ(
        (3, 3, 3), step_size=di.Bounded(0.2), inverse_temperature=di.Fixed(3.0), exploration=di.Fixed(0.06)
    )
    result = di.fit(congestion, di.mechanisms.Congestion((3, 3, 3)), rule, progress=False)
    found = di.covariance(congestion, result).learner_parameters()
    checks = report_checks.Checks(kind="sandwich", parameters=found)
    text = report_text(report(result, congestion).comparison, checks)
    (line,) = [s for s in text.splitlines() if "  step_size" in s]
    value, low, high = map(float, re.search(r"(\S+) \(.*interval (\S+) to (\S+)\)", line).groups())
    assert 0 < low < value < high < 1 and value == pytest.approx(result.learner.step_size().item(), rel=1e-3)


@pytest.mark.slow
def test_scale_that_no_choice_tells_leaves_averages_without_intervals():
    """Regret matching chooses alike at any scale of payoffs."""
    rule = diml_envs.RegretMatching(exploration=0.06)
    data = dataset(diml_envs.MatrixGame.named("coordination"), rule=rule, episodes=10, horizon=20)
    learner = di.learners.RegretMatching((2, 2), exploration=di.Fixed(0.06))
    mechanism, steps = di.mechanisms.TabularJoint((2, 2), ridge=1.0), di.LBFGS(max_steps=20)
    result = di.fit(data, mechanism, learner, optimizer=steps, progress=False)
    text = report_and_checks(result, data).text
    rows = [s for s in text.splitlines() if re.match(r" agent_\d +\d +\d", s)]
    assert len(rows) == 4 and all("not identified" in row and "[" not in row for row in rows)


def test_checks_that_take_long_wait_to_be_asked_for(congestion, fits, checked, monkeypatch):
    monkeypatch.setattr(report_checks, "QUICK", 6 * congestion.num_choices - 1)
    told = report_and_checks(fits[3.0], congestion)
    assert "6 free parameters and 1,080 choices take a while; ask for them (--checks" in told.text
    assert told.checks.means is None and "interval" not in told.text.replace("intervals and", "")
    assert checked.checks.means is not None and not checked.checks.skipped  # asked for
    none = report(fits[3.0], congestion)
    assert "Not made" not in none.text and none.checks.adequacy is None
