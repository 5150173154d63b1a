"""GitHub's part of the sandbox: api.github.com for the repositories of a seed."""
