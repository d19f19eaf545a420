"""The server's decisions: what a request to an issuer is answered."""
