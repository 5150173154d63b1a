"""Rotating credentials: the new one exists beside the old, is everywhere and proven, before the old one is revoked."""
