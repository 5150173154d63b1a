"""The first hour: what a team has is read, and written down as the inventory that promotes it."""
