"""Pages of training, by concept."""
