"""Pure parts of the benchmarks: statistics, parsing, what is told."""
