"""`fraud check`: what would become of records, before a detector reads them."""
