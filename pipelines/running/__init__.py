"""Run a plan: node by node, on this machine or under an orchestrator."""
