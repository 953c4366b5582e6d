"""The component that publishes blessed models."""
