"""Dates in Russian: Django's, and one more."""

MOMENT_FORMAT = "d.m.Y H:i:s"  # where seconds count
