"""As every language: one spelling of figures and dates."""
