"""Connection strings: read exactly, told apart, judged by use, proven; no value is ever shown."""
