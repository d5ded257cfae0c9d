"""What a log can tell of payoffs, what it cannot, and what would tell more."""
