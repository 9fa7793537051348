"""From a run to a program that does without nncli.

``graph`` follows the formulas of the engine and keeps a record of what they compute; ``model`` makes a run such a
graph, from raw features to labels or to values in their own units; ``onnx_file`` and ``numpy_file`` have its forms;
``check`` compares one with the run itself, and ``write`` puts it into its place if they agree.
"""
