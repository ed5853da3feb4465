"""Models, copies of them with new weights, and models from configurations."""
from .engine.configuration import from_json as model_from_json, to_layer as model_from_config
from .engine.model import Model
from .engine.sequential import Sequential
from .engine.whole_models import load_model, save_model

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_config", "model_from_json",
           "save_model"]


def clone_model(model):
    """A model of the same layers with new weights; for functional and sequential models.

    >>> import numbaflow as nf
    >>> model = nf.keras.Sequential([nf.keras.layers.Dense(3, input_shape=(4,))])
    >>> other = nf.keras.models.clone_model(model)
    >>> other.output_shape, other.layers[0] is model.layers[0]
    ((None, 3), False)
    """
    return type(model).from_config(model.get_config())
