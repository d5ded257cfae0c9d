"""What agents would do under another rule, and whether a log licenses the answer."""
