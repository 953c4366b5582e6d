"""Set-up of a process that drives runs: no heavy imports, and TFX with all patches applied."""

from __future__ import annotations

from pipelines.processes.import_blocker import block_heavy_imports


def prepare_driver() -> None:
    """Block heavy imports and patch TFX. Call it before anything else of `pipelines` or TFX is imported.

    Raises:
        InputError: the installed TFX is not the version that the patches are written for.
    """
    block_heavy_imports()
    from pipelines.tfx_patches.activation import apply

    apply()
