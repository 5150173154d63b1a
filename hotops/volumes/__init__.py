"""Volumes: what comes back from a snapshot, onto new machines."""
