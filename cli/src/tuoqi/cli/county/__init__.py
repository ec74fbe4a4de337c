"""The generator of a synthetic county for demonstration, tests and benchmarks; all its people are invented."""

from tuoqi.cli.county.generate import CountySummary, generate_county

__all__ = ["CountySummary", "generate_county"]
