"""The processes of a torture: real senders, broker, databases and ERP in a folder of their own, killed and back."""
