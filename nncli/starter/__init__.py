"""A first config for a table.

``findings`` looks at the columns, ``recipe`` has what was measured to train well, ``draft`` writes both as commented
YAML; ``tuning`` tries a few recipes on the table itself.
"""

from nncli.starter.draft import Draft, draft

__all__ = ["Draft", "draft"]
