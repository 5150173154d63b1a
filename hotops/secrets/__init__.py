"""Secrets made true and kept true: mirrored, audited, scanned for, traced. Never a value."""
