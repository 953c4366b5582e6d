"""The formats that can be imported, one module per format; `registry` lists them."""
