"""Benchmarks: academic."""
