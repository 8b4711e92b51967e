"""The exception page, section by section: each module fills one part, `page` puts them together."""
