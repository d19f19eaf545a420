"""The decisions: facts in, `Granted` or `Refused` out. No I/O, no clock, no randomness but what is handed in."""
