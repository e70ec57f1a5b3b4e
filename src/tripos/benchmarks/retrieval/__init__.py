"""Benchmarks: retrieval."""
