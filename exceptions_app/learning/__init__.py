"""Learning from what is known: the training of the reader. Imports scikit-learn; no web or worker process imports it."""
