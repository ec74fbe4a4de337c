"""What tests of all services share: fresh databases, contexts without a platform, records as Kafka hands them over."""
