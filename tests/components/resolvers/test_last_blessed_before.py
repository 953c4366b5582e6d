from types import SimpleNamespace

from components.resolvers.last_blessed_before import LastBlessedBefore


def artifact(id_, model=None, blessed=0):
    values = {"current_model_id": model, "blessed": blessed}
    return SimpleNamespace(id=id_, get_int_custom_property=values.get)


def resolved(examples):
    """Three models: the second was rejected, the third was blessed after the examples with id 20 were created."""
    found = LastBlessedBefore().resolve_artifacts(
        None,
        {
            "examples": [artifact(examples)],
            "model": [artifact(2), artifact(5), artifact(11)],
            "model_blessing": [artifact(3, 2, 1), artifact(6, 5, 0), artifact(21, 11, 1)],
        },
    )
    return [model.id for model in found["model"]]


def test_a_new_span_continues_from_the_last_blessed_model():
    assert resolved(examples=30) == [11]


def test_models_blessed_after_the_data_arrived_are_ignored():
    assert resolved(examples=20) == [2]
    assert resolved(examples=1) == []
