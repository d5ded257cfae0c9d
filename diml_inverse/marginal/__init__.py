"""Shrinkage by marginal likelihood: expansions of the likelihood, priors by their parts, learners along."""
