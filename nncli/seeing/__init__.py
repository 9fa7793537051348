"""What there is to see of runs, as data that a screen, a picture or a page then shows.

``view`` reads one run, as far as it goes, and what it makes of rows; ``mistakes`` are the rows it is most wrong about;
``pictures`` says which pictures it has. ``listing`` has the runs of a folder, ``comparison`` what differs between some,
``sheets`` that as tables.
"""
