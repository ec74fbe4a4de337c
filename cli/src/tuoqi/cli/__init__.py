"""The `tuoqi` command: runs a platform on one machine, and speaks to a platform by gRPC like anybody else."""
