"""The resource server's verdicts: is this token good here, and for this."""
