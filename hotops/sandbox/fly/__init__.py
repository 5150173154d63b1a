"""The Fly.io part of the twin: Machines REST, GraphQL, release records, logs, metrics, registry and proxy."""
