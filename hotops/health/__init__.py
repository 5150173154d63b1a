"""Whether what runs is well: requests, latency, logs, machines, certificates are read and judged, never changed."""
