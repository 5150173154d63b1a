"""Playbooks run from Python: through ansible-runner, followed by their evidence, resumed after looking."""
