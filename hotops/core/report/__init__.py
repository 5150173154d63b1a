"""A run as one page to look at, made of its evidence alone."""
