"""The operator's command: its verbs, and the embedded Kafka and PostgreSQL."""
