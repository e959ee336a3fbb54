"""Live metrics of the topics that a detector reads and writes, whatever the detector itself is doing."""
