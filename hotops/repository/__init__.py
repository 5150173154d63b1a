"""What hotops does with the team's repository at GitHub: approvals, checks, deployments, issues, workflows."""
