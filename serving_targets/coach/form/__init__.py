"""Form: references of movements that are performed well, scores and corrections against them."""
