"""Tables of the public file contract on disk: CSV and XLSX in, CSV and XLSX out."""
