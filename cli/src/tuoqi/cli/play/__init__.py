"""A county's months as data 并行试算: a calendar of files and cycles, played on a platform of its own."""
