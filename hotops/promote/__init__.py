"""Promotion: one operation over the apps of an environment, in phases that can each be found again after a crash."""
