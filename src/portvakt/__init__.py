"""OAuth 2.0 for companies that offer an API and for the developers who integrate with one."""
