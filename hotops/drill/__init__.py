"""Disaster drills: break on purpose, come back, and measure how long it took and what was lost."""
