"""Everything of a service that is not about care: messages in and out, transactions, gRPC, time, identity, telemetry."""
