"""Where results go: the detector's to Kafka, the archiver's to files; the console reads Kafka back. Each says what it promises."""
