"""The formats that can be imported, a module a format, and the registry that names them."""
