"""Putting a release on machines, and bringing the one before back."""
