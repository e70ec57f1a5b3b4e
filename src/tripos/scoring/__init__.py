"""The shared scoring patterns; benchmarks only compose them."""
