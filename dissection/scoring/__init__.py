"""Exact streaming statistics of units: levels, counts, scores; jobs that resume and spread."""
