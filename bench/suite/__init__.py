"""scripts/bench: what a worker of sluice forwards, beside what the same core could do at most and what other
relays spend. docs/benchmarking.md says how, and why."""
