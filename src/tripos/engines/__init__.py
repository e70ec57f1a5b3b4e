"""What serves a model, one file a protocol."""
