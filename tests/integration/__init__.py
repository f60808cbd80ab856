"""Parts on a real Kafka and a real PostgreSQL."""
