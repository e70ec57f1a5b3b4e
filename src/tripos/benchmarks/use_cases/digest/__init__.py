"""The invented days of `daily_digest`: what is planned, what messages change, and what follows from both."""
