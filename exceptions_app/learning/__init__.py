"""Learning: the training of the reader. Imports scikit-learn, so no web or worker process imports it."""
