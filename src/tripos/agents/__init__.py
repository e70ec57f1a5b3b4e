"""Agents and their tools: a sample answered in a conversation instead of one request."""
