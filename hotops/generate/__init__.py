"""Files that a team's repository needs around hotops, made from its inventories."""
