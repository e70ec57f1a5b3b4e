"""Other tools' logs and formats, in and out."""
