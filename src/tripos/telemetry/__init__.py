"""Energy: what the machine used while a run was on, and whose requests used it."""
