"""Telling people what became of a run, where the inventory says so; what fails here is never the run's failure."""
