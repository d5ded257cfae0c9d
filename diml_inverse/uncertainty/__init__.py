"""How sure an estimate is: covariances, tests, and whether the model fits at all."""
