"""The client's steps: what to ask, what a reply means, and when to ask again. No I/O between."""
