"""What tests and benchmarks share: the detector as a process, topics, made worlds, and an oracle that computes features alone."""
