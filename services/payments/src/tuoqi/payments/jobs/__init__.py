"""Long work of payments: cycles, instructions, results, and the files in and out."""
