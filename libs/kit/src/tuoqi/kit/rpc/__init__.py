"""gRPC: one guarded server, one client, and tables in and out."""
