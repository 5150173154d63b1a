"""Looking: what runs, why it does not, what may be done here. Reads only."""
