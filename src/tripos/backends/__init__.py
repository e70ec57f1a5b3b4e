"""How a sample becomes an answer: one request, or an agent."""
