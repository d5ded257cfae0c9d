"""Which mechanism family and learner rule: candidates, folds, baselines, stacking."""
