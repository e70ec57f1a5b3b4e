"""Invented trials, and what a review of them has to conclude: the material of `research_mining`."""
