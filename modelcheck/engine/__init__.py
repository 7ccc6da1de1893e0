"""The engines: the unbounded prover, its audit, and the search for attacks."""
