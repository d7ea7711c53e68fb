"""Dates in English: the day before the month's name and 24 hours, which nobody can misread."""

DATE_FORMAT = SHORT_DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "j M Y, H:i"
MOMENT_FORMAT = "j M Y, H:i:s"  # where seconds count
YEAR_MONTH_FORMAT = "F Y"
MONTH_DAY_FORMAT = "j F"
