"""Whether a model still holds: what it is given, what it gives, and how right it is. `training.monitor` is the program."""
