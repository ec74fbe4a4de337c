"""The one error of the local platform."""


class LocalError(Exception):
    """What failed on this machine and what to do about it, in one sentence for the person at the terminal."""
