"""The commands of `hotops`: each a thin way to an operation or to a playbook."""
