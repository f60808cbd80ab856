"""Rules of answers: a file of TOML, read, watched, and asked what it answers."""
