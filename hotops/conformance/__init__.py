"""What hotops takes for true about the clouds, asked of the clouds themselves: by reads, or on an app of its own."""
