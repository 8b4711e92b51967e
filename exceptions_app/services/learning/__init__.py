"""What people's corrections teach: reviews, learnt names, the plant dictionary, who opens unasked, trained readers."""
