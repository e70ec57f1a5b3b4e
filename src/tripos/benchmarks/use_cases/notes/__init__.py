"""The invented notes of `knowledge_base`: what they say, how they are asked for, what supersedes them."""
