"""Invented mornings, and what somebody wants to know of theirs: the material of `morning_brief`."""
