"""Other people's history: a CSV file to the data set that the trainer reads. `history.read` puts the rest together."""
