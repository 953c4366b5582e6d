"""The files inside artifacts: one module for each kind, the only place that knows its name and form.

Components write payloads with these models and lineage reads them; both may import this package. Fields are added, not
renamed, so that what earlier versions wrote can still be read.
"""
