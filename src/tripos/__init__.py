"""Tripos: examine language models, agents and the code they write.

Importing this package imports nothing else, so that `tripos --help` is instant; reach for the room you need.
"""

__version__ = "0.1.0"
