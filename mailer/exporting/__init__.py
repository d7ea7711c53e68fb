"""Lists as CSV files, of the rows that they show: as long as they may be, a chunk at a time is in memory."""

from mailer.exporting.streaming import csv_file
from mailer.exporting.tables import ATTEMPTS, DELIVERIES, RECIPIENTS, SUPPRESSIONS

__all__ = ["ATTEMPTS", "DELIVERIES", "RECIPIENTS", "SUPPRESSIONS", "csv_file"]
