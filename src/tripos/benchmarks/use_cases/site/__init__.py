"""Invented web sites, and questions that their pages answer: the material of `browser_assistant`."""
