"""Somebody is called: what a run could not finish becomes an issue, and a message every declared way."""
