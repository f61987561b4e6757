"""Files and the environment, read into the words of the model; every mistake is found at once."""
