"""The documentation: its pages, what makes them, and the README's pictures."""
