"""Every format that can be imported, by name, in the order in which a file is tried against them."""

from data.importers import npz
from data.importers.base import Format

FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in (npz,)}
