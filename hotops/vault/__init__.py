"""The team's own store of secrets: files in a folder, or one encrypted file; read exactly, written atomically."""
