"""Pure DataFrame to DataFrame functions; no session, no settings, no clock."""
