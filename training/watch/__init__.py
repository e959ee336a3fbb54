"""Whether a promoted model does harm: its payments beside those of the model before. `training.watching` is the command."""
