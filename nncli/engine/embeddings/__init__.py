"""What is learned about the columns of the input before the first block: embeddings of numbers and of categories.

A number may become several units (``NumberEmbedding``, one record each), a category is the row of a learned table, and
flags go in as they are. ``Embedding`` is the layer that does all of it.
"""

from nncli.engine.embeddings.base import Edges, NoEmbedding, NumberArrays, NumberEmbedding, registry
from nncli.engine.embeddings.codes import Code, usual_units
from nncli.engine.embeddings.columns import Columns
from nncli.engine.embeddings.layers import Embedding, Rectify, Scale
from nncli.engine.embeddings.linear import Linear
from nncli.engine.embeddings.periodic import Periodic
from nncli.engine.embeddings.piecewise import PiecewiseLinear

__all__ = [
    "Code",
    "Columns",
    "Edges",
    "Embedding",
    "Linear",
    "NoEmbedding",
    "NumberArrays",
    "NumberEmbedding",
    "Periodic",
    "PiecewiseLinear",
    "Rectify",
    "Scale",
    "registry",
    "usual_units",
]
