"""Compute kernels: cases, submissions, scores, and the judge that runs them."""
