"""Numbers to show, read only."""
