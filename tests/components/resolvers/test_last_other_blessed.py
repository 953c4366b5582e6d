import pytest


@pytest.fixture
def store():
    from ml_metadata.metadata_store import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    config = metadata_store_pb2.ConnectionConfig()
    config.fake_database.SetInParent()
    return MetadataStore(config)


class World:
    """Records the executions of pipeline runs in a metadata store."""

    def __init__(self, store):
        from ml_metadata.proto import metadata_store_pb2

        self.store, self.proto = store, metadata_store_pb2
        self.made = {"Model": [], "ModelBlessing": []}

    def artifact(self, kind):
        from tfx.types import standard_artifacts

        artifact = getattr(standard_artifacts, kind)()
        artifact.type_id = self.store.put_artifact_type(artifact.artifact_type)
        artifact.mlmd_artifact.state = self.proto.Artifact.LIVE
        [artifact.id] = self.store.put_artifacts([artifact.mlmd_artifact])
        if kind in self.made:
            self.made[kind].append(artifact)
        return artifact

    def execution(self, node, inputs, kinds):
        """Record an execution with output artifacts of the given types; return them."""
        type_id = self.store.put_execution_type(self.proto.ExecutionType(name=node))
        [execution] = self.store.put_executions([self.proto.Execution(type_id=type_id)])
        outputs = [self.artifact(kind) for kind in kinds]
        event = self.proto.Event
        self.store.put_events(
            [event(artifact_id=a.id, execution_id=execution, type=event.INPUT) for a in inputs]
            + [event(artifact_id=a.id, execution_id=execution, type=event.OUTPUT) for a in outputs]
        )
        return outputs

    def span(self):
        """Record new examples and their statistics; return both."""
        (examples,) = self.execution("KeypointExampleGen", [], ["Examples"])
        (statistics,) = self.execution("StatisticsGen", [examples], ["ExampleStatistics"])
        return examples, statistics

    def model(self, examples, *, blessed=True, warm_start=None):
        (transformed,) = self.execution("Transform", [examples], ["Examples"])
        (model,) = self.execution("Trainer", [transformed, *([warm_start] if warm_start else [])], ["Model"])
        (blessing,) = self.execution("Evaluator", [model, examples], ["ModelBlessing"])
        blessing.set_int_custom_property("blessed", int(blessed))
        blessing.set_int_custom_property("current_model_id", model.id)
        return model

    def baseline_of(self, statistics):
        from components.resolvers.last_other_blessed import LastOtherBlessedStatistics

        found = LastOtherBlessedStatistics().resolve_artifacts(
            self.store,
            {
                "candidate": [statistics],
                "baseline": [],
                "model": self.made["Model"],
                "model_blessing": self.made["ModelBlessing"],
            },
        )
        return [artifact.id for artifact in found["baseline"]]


@pytest.fixture
def world(store):
    return World(store)


def test_nothing_is_compared_before_a_model_is_blessed(world):
    examples, first = world.span()
    assert world.baseline_of(first) == []
    world.model(examples, blessed=False)
    _, second = world.span()
    assert world.baseline_of(second) == []


def test_a_new_span_is_compared_with_the_span_of_the_last_blessed_model(world):
    examples, first = world.span()
    world.model(examples)
    refused, _ = world.span()
    world.model(refused, blessed=False)
    _, new = world.span()
    assert world.baseline_of(new) == [first.id]


def test_the_baseline_stays_when_nothing_changed(world):
    examples, first = world.span()
    world.model(examples)
    assert world.baseline_of(first) == [], "a span is not compared with itself"
    examples, second = world.span()
    assert world.baseline_of(second) == [first.id]
    world.model(examples)
    assert world.baseline_of(second) == [first.id]
    world.model(examples)
    assert world.baseline_of(second) == [first.id], "nor after another model of it was blessed"
    assert world.baseline_of(first) == [second.id]


def test_a_warm_start_does_not_bring_in_older_data(world):
    examples, _ = world.span()
    old = world.model(examples)
    examples, second = world.span()
    world.model(examples, warm_start=old)
    _, third = world.span()
    assert world.baseline_of(third) == [second.id]


def test_deleted_statistics_are_not_a_baseline(world):
    examples, first = world.span()
    world.model(examples)
    examples, second = world.span()
    world.model(examples)
    _, third = world.span()
    second.mlmd_artifact.state = world.proto.Artifact.DELETED
    world.store.put_artifacts([second.mlmd_artifact])
    assert world.baseline_of(third) == [first.id]
