"""Benchmarks: conversation."""
