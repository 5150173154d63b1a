"""What a team declares: one schema of all inventories, how they are read, and the sandbox world they describe."""
