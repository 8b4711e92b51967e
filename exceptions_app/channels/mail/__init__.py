"""E-mail, pure: RFC 5322 bytes or a provider's webhook in, one plain `Mail` out, whatever the bytes contain.

`message` reads a mail, `replies` takes quotes and signatures off, `nature` tells people from machines, `senders` says
whether the From line is proven, `providers` speaks the webhooks of mail providers, `imap` the protocol of mailboxes.
Nothing here knows a row of ours.
"""
