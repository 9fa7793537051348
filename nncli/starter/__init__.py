"""A first config for a table.

``findings`` looks at the columns, ``recipe`` has what was measured to train well, ``written`` makes commented YAML of
both, ``tuning`` tries a few recipes on the table itself; ``draft`` does one after the other.
"""

from nncli.starter.draft import Draft, draft

__all__ = ["Draft", "draft"]
