"""Settings read from files and commands: base class of their sections, and the YAML they are written in."""
