"""A lake that the archiver has filled: kept small, compared with Kafka and the database, asked in SQL. `fraud lake`."""
