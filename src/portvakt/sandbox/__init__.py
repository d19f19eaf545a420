"""Stand-ins of the providers' APIs: what a token is for, played on one's own machine."""
