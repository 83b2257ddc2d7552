"""What edge-detect costs and gives, beside what a user would take instead; README.md says how."""
