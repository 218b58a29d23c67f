"""scripts/bench: measures the rate that a worker of sluice forwards, the most that the same core could do,
and the CPU time of other relays. docs/benchmarking.md says how and why."""
