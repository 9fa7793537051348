"""Pages of HTML, one kind a file, each whole in itself: it opens from a file, and loads nothing from anywhere.

``page`` makes a file of a template in ``templates/`` and what is to stand in it; all that knows jinja2 is there.
"""
