"""What was proven, when, and with which figures: what gates and reports rest on."""
