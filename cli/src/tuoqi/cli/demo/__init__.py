"""The demo county's month: what `tuoqi up --demo` loads and plays, so that a newcomer sees the platform at work."""
