"""Long and timed work of visits: the midnight sweep, the upload of records, the list of missed visits."""

from tuoqi.visits.jobs.exports import OverdueExporter
from tuoqi.visits.jobs.imports import VisitsImporter
from tuoqi.visits.jobs.sweep import MidnightSweep

__all__ = ["MidnightSweep", "OverdueExporter", "VisitsImporter"]
