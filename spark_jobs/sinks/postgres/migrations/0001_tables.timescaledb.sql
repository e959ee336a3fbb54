-- Chunks in place of partitions, of the same length. No default index: those of the migration are all that is asked for.
SELECT create_hypertable('scored', by_range('event_time', INTERVAL '1 day'), create_default_indexes => false);
SELECT create_hypertable('alerts', by_range('timestamp', INTERVAL '30 days'), create_default_indexes => false);
SELECT create_hypertable('labels', by_range('labelled_at', INTERVAL '30 days'), create_default_indexes => false);
