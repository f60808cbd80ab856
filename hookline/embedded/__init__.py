"""A private Kafka and PostgreSQL as child processes, and the whole pipeline on top of them."""
