"""From what a file says of one clip to a canonical sequence: joints, people, units and time."""
