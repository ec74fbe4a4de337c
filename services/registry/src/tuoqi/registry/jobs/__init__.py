"""Long work of the registry: imports, a chunk of a file at a time and set-based, and fences."""
