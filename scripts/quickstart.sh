#!/usr/bin/env bash
# Four Stable-Baselines3 A2C learners play a congestion game; what it pays is recovered from their play alone.
# DIML_SEED=1 plays with another seed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/environment.sh
make_environment "${DIML_EXTRAS:-}"
folder="runs/quickstart-$(date +%Y%m%d-%H%M%S)"

set -x
.venv/bin/diml-envs record diml/congestion-v0 --out "$folder/log" --learners a2c \
  --env num_agents=4 --env num_actions=3 --episodes 8 --steps 2048 --seed "${DIML_SEED:-0}" \
  --learner n_steps=16 --learner gamma=0
.venv/bin/diml-inverse fit "$folder/log" --out "$folder/fit" --mechanism congestion --learner batched-hedge
.venv/bin/diml-inverse report "$folder/fit" "$folder/log" --out "$folder/report.png"
