"""The gate that measures the converted files on test data."""
