"""The record: append-only events, tables derived from them, one writer."""
