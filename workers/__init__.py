"""One folder a worker. They meet only through topics and tables."""
