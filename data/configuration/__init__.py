"""What every configuration file is read with: YAML text, a base class of sections, and explained errors."""
