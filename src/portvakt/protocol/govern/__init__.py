"""The decisions of those who administer: clients, secrets, keys."""
