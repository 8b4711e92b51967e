"""What the reader is measured by: the gold set, and published corpora that stand in where it has nothing to say."""
