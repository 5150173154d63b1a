"""Readings of what Fly has: apps, machines, releases, secrets. Each is an operation that always returns a list."""
