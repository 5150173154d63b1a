"""How big an app's machines are and how many: declared, in fly.toml, running; changed, advised and priced."""
