"""What stands in front of the first block: from the slots of the input to embeddings, noise and a scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from nncli.config.schema import Config
from nncli.data.slots import Slot
from nncli.engine.embeddings import Code, Columns, Embedding, NumberEmbedding, Rectify, Scale, usual_units
from nncli.engine.layers import Layer
from nncli.engine.noise import Dropout, GaussianNoise
from nncli.engine.penalties import Penalty


def input_layers(config: Config, slots: Sequence[Slot]) -> Iterator[Layer]:
    """In order. Noise and dropout come behind the embedding: of a code that is moved, nothing is left."""
    given = config.model.input
    numbers: NumberEmbedding = given.numbers.build()
    if numbers.units or any(slot.kind == "code" for slot in slots):
        embedding = _embedding(config, numbers, slots)
        yield embedding
        if numbers.relu and embedding.learned_units:
            yield Rectify(embedding.learned_units)
    yield from random_layers(given.noise, given.dropout)
    if given.scale:
        yield Scale()


def random_layers(noise: float, dropout: float) -> Iterator[Layer]:
    """Those that are random in the training, where asked for."""
    if noise:
        yield GaussianNoise(noise)
    if dropout:
        yield Dropout(dropout)


def _embedding(config: Config, numbers: NumberEmbedding, slots: Sequence[Slot]) -> Embedding:
    begins = accumulate((slot.width for slot in slots), initial=0)
    placed = list(zip(slots, begins, strict=False))
    found = [(slot, place) for slot, place in placed if slot.kind == "number"] if numbers.units else []
    if numbers.takes_edges:
        found.sort(key=lambda each: len(each[0].edges))  # features with equally many bins are computed side by side
    codes = [(slot, place) for slot, place in placed if slot.kind == "code"]
    passed = [
        place + i
        for slot, place in placed
        for i in range(slot.width)
        if slot.kind == "flags" or (slot.kind == "number" and numbers.direct)
    ]
    units = config.model.input.embedding_units
    common = config.regularization
    return Embedding(
        numbers,
        Columns(tuple(place for _, place in found)),
        tuple(slot.edges for slot, _ in found) if numbers.takes_edges else (),
        Columns(tuple(passed)),
        tuple(Code(slot.levels, usual_units(slot.levels) if units == "auto" else units) for slot, _ in codes),
        Columns(tuple(place for _, place in codes)),
        Penalty(common.l1, common.l2),
    )
