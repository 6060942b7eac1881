"""One file per verb: options and wiring, nothing else."""
