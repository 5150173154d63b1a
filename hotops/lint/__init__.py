"""Files of a project that lie: read before they are believed, each finding with file, line and remedy."""
