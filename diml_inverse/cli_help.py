"""What does `diml-inverse fit --help` say below its options?"""

from diml_inverse.cli_tables import (
    BATCHED,
    BY_CONTEXT,
    FAMILIES,
    LINEAR_IN_CONTEXT,
    RULES,
    learner_defaults,
)

FAILED = 3
"""Exit code of a fit that diverged, or of a log without information about payoffs."""


def epilog() -> str:
    """Families, rules and defaults, from the tables."""
    families = [f"{name}: {family.about}" for name, family in FAMILIES.items()]
    rules = []
    for name, rule in RULES.items():
        defaults = ", ".join(f"{key}={text}" for key, text in learner_defaults(name).items())
        rules.append(f"{name}: {rule.about}" + (f"; {defaults}" if defaults else ""))
    innovation = ", ".join(
        f"{key}={text}"
        for key, text in learner_defaults(BATCHED + "hedge").items()
        if key not in learner_defaults("hedge")
    )
    batchable = ", ".join(name for name, rule in RULES.items() if rule.can_be_batched)
    paragraphs = [
        "Mechanisms:",
        *families,
        f"{BY_CONTEXT}NAME: NAME once for each value of the log's public context.",
        f"{LINEAR_IN_CONTEXT}NAME: NAME for a constant part and for each covariate of that context. "
        "Without either, networks take the context as an input, and the other families leave it out.",
        "Payoffs of which a part is known (di.mechanisms.Offset) take a function: fit them in Python.",
        "Learners, with the defaults of their parameters (free:x is estimated from the start x):",
        *rules,
        f"{BATCHED}NAME: {batchable} updated once per batch, as PPO, A2C and DQN do; with {innovation} too "
        "(innovation=none leaves it out).",
        f"Exit code: 0 for a fit, 2 for bad input, {FAILED} for a fit that diverged and for a log without "
        "information about payoffs.",
    ]
    return "\n\n".join(paragraphs)
