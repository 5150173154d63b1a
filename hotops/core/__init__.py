"""What every operation stands on: the driver, the wire, errors, secrets, evidence, clock and lock."""
