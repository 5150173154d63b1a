"""The sandbox: a twin of the clouds on this computer, which shares nothing with the library but the wire."""
