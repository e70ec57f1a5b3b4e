"""The examinations: ONE FILE A BENCHMARK, by category."""
