"""Benchmarks: coding."""
