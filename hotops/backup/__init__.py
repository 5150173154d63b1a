"""Backups of a PostgreSQL database that restore, with or without hotops, and restores that are proven."""
