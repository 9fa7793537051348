"""From files and built-in sources to arrays that are split, preprocessed and ready."""
