"""The component that makes the references of movements that are performed well."""
