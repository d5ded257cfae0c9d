"""What a fit returns: frozen, printable, and saved without pickle."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from diml_inverse.cross_validation import RidgePath
from diml_inverse.learners.base import LearnerRule
from diml_inverse.marginal.evidence import EvidencePath
from diml_inverse.maximise import Record
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.payoff_map import RecoveredPayoffs
from diml_inverse.situations import Situations
from diml_inverse.specification import build, describe
from diml_inverse.status import Status
from diml_inverse.summary import summarise

VERSION = 1
TENSORS, TEXT = "tensors.safetensors", "result.json"


@dataclass(frozen=True, eq=False)
class FitResult:
    """A fitted mechanism and learner, and how the fit went.

    Attributes:
        status: how it ended; `status.remedy` says what to do.
        mechanism: the recovered payoff map (only identified contrasts mean anything).
        learner: the learner rule with its estimates.
        log_likelihood: of all choices in the data given to `fit`.
        without_payoffs: log-likelihood of the same learner with nothing to learn from, or, of an `Offset`,
            with its known part alone.
        uniform: log-likelihood of choosing uniformly.
        num_choices: observed choices.
        num_episodes: episodes.
        agents: names, in order.
        history: the optimiser's path, per choice.
        ridge_path: cross-validation of the ridge, where there was one.
        evidence: prior variances and their marginal likelihood, where these were chosen by it.
        situations: what agents faced and how often.
        seconds: wall-clock time of the fit.
        seed: seed of everything random in the fit.
    """

    status: Status
    mechanism: Mechanism
    learner: LearnerRule
    log_likelihood: float
    without_payoffs: float
    uniform: float
    num_choices: int
    num_episodes: int
    agents: tuple[str, ...]
    history: tuple[Record, ...]
    ridge_path: RidgePath | None
    situations: Situations
    seconds: float
    seed: int
    evidence: EvidencePath | None = None

    @property
    def log_likelihood_per_choice(self) -> float:
        """Log-likelihood divided by the number of observed choices, in nats."""
        return self.log_likelihood / self.num_choices

    def summary(self) -> str:
        """A text table of status, fit, learner parameters and payoff differences."""
        return summarise(self)

    def as_payoff_function(self) -> RecoveredPayoffs:
        """The recovered mechanism as a NumPy function of (joint actions, context): learners can play in it.

        `diml_envs.PayoffFunction(f, f.num_actions)` makes it the mechanism of an `IncentiveEnv`.
        """
        return RecoveredPayoffs(self.mechanism)

    def save(self, folder: str | Path) -> Path:
        """Write tensors (safetensors) and everything else (JSON) into a new folder.

        Raises:
            FileExistsError: if the folder already holds a result; nothing is overwritten.
            TypeError: if a class's arguments cannot be written as JSON (e.g. a payoff function).
        """
        folder = Path(folder)
        if (folder / TEXT).exists():
            raise FileExistsError(
                f"{folder}: expected a folder without a result; found {TEXT}; choose another or remove it"
            )
        text = {
            "diml_result": VERSION,
            "status": self.status.name,
            "mechanism": describe(self.mechanism),
            "learner": describe(self.learner),
            "agents": self.agents,
            "history": [asdict(record) for record in self.history],
            "ridge_path": None if self.ridge_path is None else asdict(self.ridge_path),
            "evidence": None if self.evidence is None else asdict(self.evidence),
            **{name: getattr(self, name) for name in _NUMBERS},
        }
        written = json.dumps(text, indent=1)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(_tensors(self), folder / TENSORS)
        (folder / TEXT).write_text(written, encoding="utf-8")
        return folder


_NUMBERS = (
    "log_likelihood",
    "without_payoffs",
    "uniform",
    "num_choices",
    "num_episodes",
    "seconds",
    "seed",
)


def load_result(folder: str | Path, *, classes: Mapping[str, type[nn.Module]] | None = None) -> FitResult:
    """Read a result that `FitResult.save` wrote.

    Args:
        folder: where it was saved.
        classes: your own mechanism or learner classes by name, where the result holds any.

    Raises:
        FileNotFoundError: if the folder holds no result.
        ValueError: for a file of another version, or a class that is not known.
    """
    folder = Path(folder)
    if not (folder / TEXT).exists():
        raise FileNotFoundError(
            f"{folder}: expected {TEXT} and {TENSORS}; found no {TEXT}; give the folder that `save` wrote"
        )
    try:
        text: dict[str, Any] = json.loads((folder / TEXT).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{folder / TEXT}: expected JSON; found {error}; the file is damaged, copy the result again"
        ) from error
    if text.get("diml_result") != VERSION:
        raise ValueError(
            f"{folder / TEXT}: expected diml_result {VERSION}; found {text.get('diml_result')!r}; "
            "read it with the version of diml that wrote it"
        )
    tensors = load_file(folder / TENSORS)
    mechanism, learner = build(text["mechanism"], classes or {}), build(text["learner"], classes or {})
    mechanism.load_state_dict(_under("mechanism.", tensors))
    learner.load_state_dict(_under("learner.", tensors))
    path = text["ridge_path"]
    if path is not None:
        path = RidgePath(**path | {k: tuple(path[k]) for k in ("ridges", "held_out")})
    return FitResult(
        status=Status[text["status"]],
        mechanism=mechanism,
        learner=learner,
        agents=tuple(text["agents"]),
        history=tuple(Record(**record) for record in text["history"]),
        ridge_path=path,
        evidence=_evidence(text.get("evidence")),
        situations=Situations(**cast(Any, {"context": None} | _under("situations.", tensors))),
        **{name: text[name] for name in _NUMBERS},
    )


def _evidence(text: Mapping[str, Any] | None) -> EvidencePath | None:
    if text is None:
        return None
    lists = {k: tuple(text[k]) for k in ("names", "variances", "history")}
    return EvidencePath(**{**text, **lists})


def _tensors(result: FitResult) -> dict[str, Tensor]:
    rows = {k: getattr(result.situations, k) for k in ("agent", "statistic", "context", "visits")}
    parts = {
        "mechanism": result.mechanism.state_dict(),
        "learner": result.learner.state_dict(),
        "situations": {name: rows[name] for name in rows if rows[name] is not None},
    }
    return {
        f"{part}.{name}": t.detach().cpu().contiguous().clone()
        for part, ts in parts.items()
        for name, t in ts.items()
    }


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}
