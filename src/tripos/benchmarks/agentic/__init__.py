"""Benchmarks: agentic."""
