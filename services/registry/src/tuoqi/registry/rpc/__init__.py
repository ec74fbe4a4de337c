"""What the registry answers by gRPC, one servicer for each aggregate."""
