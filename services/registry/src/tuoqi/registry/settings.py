"""What the registry is told from outside: nothing beyond what every service is."""

from tuoqi.kit.settings import Settings

__all__ = ["Settings"]
