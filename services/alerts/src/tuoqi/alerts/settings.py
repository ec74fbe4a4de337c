"""What alerts is told from outside."""

from tuoqi.kit.settings import Settings


class AlertsSettings(Settings):
    """Nothing beyond what every service is told; its rules are the county's files."""
