"""What visits does, one function per command or event: by aggregate, never SQL, Kafka or a clock."""
