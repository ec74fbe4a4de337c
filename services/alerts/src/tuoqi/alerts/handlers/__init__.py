"""What alerts does, one function per command or event; never SQL, Kafka or a clock."""
