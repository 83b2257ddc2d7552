"""The engines, one file a family; each is imported only in its own environment's worker."""
