"""Each patch answers as TFX itself does, and the parts of TFX that it relies on are there."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx import version
from tfx.orchestration import metadata
from tfx.orchestration.portable import cache_utils, inputs_utils, launcher, partial_run_utils, resolver_node_handler
from tfx.orchestration.portable.input_resolution import channel_resolver
from tfx.orchestration.portable.mlmd import context_lib, execution_lib

from data.errors import InputError
from pipelines.running.registration import connection_of
from pipelines.tfx_patches import activation, bounded_queries, shared_store
from pipelines.tfx_patches.attempt_launcher import AttemptLauncher
from pipelines.tfx_patches.bounded_resolver import ResolverHandler, resolve
from pipelines.tfx_patches.shared_store import SharedMetadata

PROJECT = Path(__file__).parents[3]
FAILED, COMPLETE = metadata_store_pb2.Execution.FAILED, metadata_store_pb2.Execution.COMPLETE


def ids(found):
    return None if found is None else {key: [artifact.id for artifact in artifacts] for key, artifacts in found.items()}


def names_of(function):
    return list(inspect.signature(function).parameters)


@pytest.fixture
def originals(monkeypatch):
    """TFX as it is without patches, also if another test of this process has applied them."""
    monkeypatch.setattr(cache_utils, "get_cached_outputs", bounded_queries._original_cached_outputs)
    monkeypatch.setattr(channel_resolver, "_get_executions_by_all_contexts", bounded_queries._original_executions)


def test_another_version_of_tfx_is_rejected_with_what_to_do(monkeypatch):
    monkeypatch.setattr(version, "__version__", "1.22.0")
    with pytest.raises(InputError, match=r"TFX 1\.22\.0 is installed, but .* need 1\.21\.0") as caught:
        activation.apply.__wrapped__()
    assert "make setup" in caught.value.remedy


def test_the_patches_replace_what_tfx_calls():
    """TFX's callers find the functions in these modules; a caller that imported one by name would escape the patch."""
    script = (
        "from pipelines.driver import prepare_driver\n"
        "prepare_driver()\n"
        "from pipelines.tfx_patches import activation, bounded_queries as ours\n"
        "from tfx.orchestration.portable import inputs_utils, launcher, partial_run_utils\n"
        "from tfx.orchestration.portable.input_resolution import channel_resolver\n"
        "assert activation.is_applied()\n"
        "assert launcher.cache_utils.get_cached_outputs is ours.cached_outputs\n"
        "assert channel_resolver._get_executions_by_all_contexts is ours.executions_in_all\n"
        "for module in (launcher, partial_run_utils):\n"
        "    query = module.execution_lib.get_executions_associated_with_all_contexts\n"
        "    assert query is ours._executions_associated_with_all_contexts\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "cache_utils.get_cached_outputs(" in inspect.getsource(launcher)
    assert "execution_lib.get_executions_associated_with_all_contexts(" in inspect.getsource(partial_run_utils)
    assert "_get_executions_by_all_contexts(" in inspect.getsource(channel_resolver.resolve_single_channel)


def test_a_driver_does_not_load_what_tfx_needs_for_other_executors():
    script = (
        "from pipelines.driver import prepare_driver\n"
        "prepare_driver()\n"
        "import sys\n"
        "import pipelines.running.local_runner\n"
        "from tfx.types.standard_artifacts import Model\n"
        "assert Model().type_name == 'Model'\n"
        "unused = ('requests', 'httplib2', 'google.auth', 'setuptools.dist', 'pandas')\n"
        "loaded = [name for name in unused if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_replacements_take_the_arguments_of_the_originals():
    pairs = [
        (bounded_queries._original_cached_outputs, bounded_queries.cached_outputs),
        (bounded_queries._original_executions, bounded_queries.executions_in_all),
        (
            execution_lib.get_executions_associated_with_all_contexts,
            bounded_queries._executions_associated_with_all_contexts,
        ),
        (launcher.Launcher._register_or_reuse_execution, AttemptLauncher._register_or_reuse_execution),
        (launcher.Launcher._publish_successful_execution, AttemptLauncher._publish_successful_execution),
        (resolver_node_handler.ResolverNodeHandler.run, ResolverHandler.run),
    ]
    for original, replacement in pairs:
        assert names_of(replacement) == names_of(original)


def test_executions_in_all_contexts_are_those_that_tfx_finds(handle, history):
    """For every node of every run, and for every node without a run."""
    store = handle.store
    checked = 0
    for entry in history:
        for name in [*entry["states"], None]:
            contexts = [store.get_context_by_type_and_name("pipeline_run", entry["run"])] if entry["run"] else []
            contexts += [store.get_context_by_type_and_name("node", f"tiny.{name}")] if name else []
            if not contexts or None in contexts:
                continue
            found = [execution.id for execution in bounded_queries.executions_in_all(store, contexts)]
            assert found == sorted(e.id for e in bounded_queries._original_executions(store, contexts))
            assert found == [e.id for e in execution_lib.get_executions_associated_with_all_contexts(handle, contexts)]
            checked += bool(found)
    assert checked > 80


def test_cached_outputs_are_those_that_tfx_finds(handle):
    keys = handle.store.get_contexts_by_type(context_lib.CONTEXT_TYPE_EXECUTION_CACHE)
    found = [ids(bounded_queries.cached_outputs(handle, key)) for key in keys]
    assert found == [ids(bounded_queries._original_cached_outputs(handle, key)) for key in keys]
    assert sum(bool(outputs) for outputs in found) > 20


def test_only_the_newest_executions_under_a_cache_key_are_loaded(handle, monkeypatch):
    monkeypatch.setattr(bounded_queries, "_CACHED_EXECUTIONS", 1)
    context = max(
        handle.store.get_contexts_by_type(context_lib.CONTEXT_TYPE_EXECUTION_CACHE),
        key=lambda key: len(handle.store.get_executions_by_context(key.id)),
    )
    all_executions = handle.store.get_executions_by_context(context.id)
    [newest] = bounded_queries._NewestExecutions(handle.store).get_executions_by_context(context.id)
    assert len(all_executions) > 2
    assert newest.id == max(execution.id for execution in all_executions)


def test_a_resolver_chooses_what_tfx_lets_it_choose(handle, history, run_of, originals):
    chosen = []
    for entry in history:
        if "Evaluator" not in entry["states"] or entry["states"]["Evaluator"] == "skipped":
            continue
        run = run_of(entry)
        node = run.node("LatestBlessedModel")
        ours = resolve(
            handle.store, "tiny", node, lambda spec: channel_resolver.resolve_union_channels(handle, spec.channels)
        )
        [theirs] = inputs_utils.resolve_input_artifacts(pipeline_node=node, metadata_handle=handle)
        assert ids(ours) == ids(theirs)
        chosen.append(tuple(ids(ours)["model"]))
    assert () in chosen or len(set(chosen)) > 1
    assert any(chosen)


def test_the_launcher_uses_our_handler_for_the_nodes_that_tfx_calls_resolvers():
    assert ResolverHandler.NODE_TYPE in launcher._SYSTEM_NODE_HANDLERS
    assert "self._system_node_handler.run(" in inspect.getsource(launcher.Launcher.launch)
    assert "self._register_or_reuse_execution(" in inspect.getsource(launcher.Launcher._prepare_execution)
    assert "self._publish_successful_execution(" in inspect.getsource(launcher.Launcher.launch)


def test_a_retried_node_has_an_execution_for_each_attempt_with_its_inputs(handle, history):
    """TFX would use the failed execution again, and not write its input events."""
    store = handle.store
    [retry] = [entry for entry in history if entry["what"] == "the same run again"]
    contexts = [
        store.get_context_by_type_and_name("pipeline_run", retry["run"]),
        store.get_context_by_type_and_name("node", "tiny.Trainer"),
    ]
    attempts = bounded_queries.executions_in_all(store, contexts)
    assert [attempt.last_known_state for attempt in attempts] == [FAILED, COMPLETE]
    for attempt in attempts:
        events = store.get_events_by_execution_ids([attempt.id])
        assert any(event.type == metadata_store_pb2.Event.INPUT for event in events)


def test_a_process_without_the_patches_cannot_launch(monkeypatch):
    monkeypatch.setattr(activation, "is_applied", lambda: False)
    with pytest.raises(RuntimeError, match="prepare_driver"):
        AttemptLauncher({}, lambda _: [])


def test_the_store_is_opened_once_for_all_steps_of_a_thread(workspace, monkeypatch):
    opened = []
    monkeypatch.setattr(shared_store, "_local", type(shared_store._local)())
    monkeypatch.setattr(
        shared_store, "_open", lambda connection: opened.append(connection) or metadata_store(workspace)
    )
    for _ in range(3):
        with SharedMetadata(connection_of(workspace)) as outer:
            with SharedMetadata(connection_of(workspace)) as inner:
                assert inner.store is outer.store
            with outer:
                assert outer.store.get_artifact_types()
            assert outer.store.get_artifact_types(), "TFX closed a handle that is still in use"
    assert len(opened) == 1
    with pytest.raises(RuntimeError):
        assert outer.store


def metadata_store(workspace):
    with metadata.Metadata(connection_of(workspace)) as handle:
        return handle.store
