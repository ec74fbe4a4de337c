"""What crosses between services: compiled messages, gRPC stubs, and the catalogue of topics."""
