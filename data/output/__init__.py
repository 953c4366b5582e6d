"""What puts names from outside on a terminal or a page: they are visible there and have no effect."""
