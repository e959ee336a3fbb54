"""The chart, and what is derived for it from the code."""
