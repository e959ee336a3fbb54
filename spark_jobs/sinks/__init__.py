"""Where decided events go: one file a sink, each says what it guarantees."""
