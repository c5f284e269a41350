"""The pages of the item bank, by concept."""
