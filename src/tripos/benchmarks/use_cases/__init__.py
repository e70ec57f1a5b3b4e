"""Benchmarks: use cases."""
