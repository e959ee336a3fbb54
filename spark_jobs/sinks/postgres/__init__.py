"""PostgreSQL sink. Exactly once by primary keys, from any number of checkpoints: what is there already is left as it is."""
