"""The local platform: real Kafka, real PostgreSQL and all services on one machine, from pip alone."""
