"""Nouns, the provider vocabulary, decisions and changes: frozen values without behaviour."""
