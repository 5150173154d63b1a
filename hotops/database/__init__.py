"""Operations on an app's way to its database: its connection string looked at, put right, its credentials rotated."""
